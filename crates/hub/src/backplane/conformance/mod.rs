//! What every engine must pass: the promises of a [backplane](super), as cases that run on any cluster.
//!
//! A [`Cluster`] starts hubs on the engine that is tested, and makes it fail. Each case is a function; [`all`] runs them one after
//! the other, each on a cluster of its own. They want a runtime of one thread whose clock is paused, so that waiting takes no time:
//!
//! ```
//! use hub::backplane::conformance::{Cluster, Fault, Line, Verdict, all};
//! use hub::{Hub, HubConf};
//!
//! /// The hub that is alone, which is its own engine.
//! struct Alone;
//!
//! impl Cluster for Alone {
//!     fn hub(&self, _: &str, conf: HubConf) -> Hub<Line> {
//!         Hub::spawn(conf)
//!     }
//!
//!     fn nodes(&self) -> usize {
//!         1
//!     }
//!
//!     fn fault(&self, _: Fault) -> bool {
//!         false
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let verdicts = all(|| Alone).await;
//! assert!(verdicts.contains(&("one_node_hears_what_it_says", Verdict::Holds)));
//! # }
//! ```
//!
//! What does not hold panics, with what was expected. A case that needs more nodes, or a fault that the cluster cannot have, says
//! that it [does not apply](Verdict::DoesNotApply): look at the list, as an engine that skips cases promises less.

pub mod order;
pub mod presence;
pub mod outage;
pub mod control;
pub mod unnumbered;
pub mod random;
mod line;
mod play;

use std::time::Duration;

pub use self::line::Line;
use super::Capabilities;
use super::loopback::{Cut, Faults};
use crate::conf::HubConf;
use crate::hub::Hub;

/// Hubs on the engine that is tested, and what can go wrong with it.
pub trait Cluster {
    /// Starts one more hub, on a node with this name.
    fn hub(&self, name: &str, conf: HubConf) -> Hub<Line>;

    /// How many nodes there can be.
    fn nodes(&self) -> usize {
        usize::MAX
    }

    /// What the engine can do. Cases that need more do not apply.
    fn capabilities(&self) -> Capabilities {
        Capabilities::all(1 << 20)
    }

    /// Has this happen, from now on; `false` if that cannot be done, and then nothing has happened.
    fn fault(&self, fault: Fault) -> bool;
}

/// What can happen to an engine.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// It goes away, for all nodes.
    Stop,
    /// It is back, with all that it knew.
    Start,
    /// It is back, and knows nothing any more.
    StartEmpty,
    /// A way between it and a node is cut, without either being told.
    Cut(&'static str, Cut),
    /// That way is mended.
    Heal(&'static str),
    /// It delivers nothing to a node any more, but answers its calls, until the node connects anew.
    Wedge(&'static str),
    /// A node stands still.
    Pause(&'static str),
    /// It goes on.
    Resume(&'static str),
    /// A node is killed.
    Kill(&'static str),
    /// Each call takes so long.
    Slow(Duration),
    /// This becomes of deliveries, by chance.
    Deliveries(Faults),
}

/// What a case came to. One that does not hold panics.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It holds.
    Holds,
    /// It cannot be seen on this cluster, because of this.
    DoesNotApply(&'static str),
}

/// Writes down the cases, for [`all`].
macro_rules! cases {
    ($($module:ident { $($case:ident)+ })+) => {
        /// Runs all cases, each on a new cluster, and returns what each came to.
        ///
        /// # Panics
        ///
        /// If one does not hold.
        pub async fn all<C: Cluster>(cluster: impl Fn() -> C) -> Vec<(&'static str, Verdict)> {
            let mut verdicts = Vec::new();
            $($(verdicts.push((stringify!($case), $module::$case(&cluster()).await));)+)+
            verdicts
        }
    };
}

cases! {
    order {
        one_node_hears_what_it_says
        all_nodes_hear_one_order
        nothing_passes_twice_and_nothing_out_of_order
        what_is_lost_is_fetched
        what_does_not_fit_into_the_lane_is_fetched
        what_cannot_be_fetched_is_announced_and_nothing_else
        a_newcomer_gets_the_history_of_the_other_nodes
        who_is_cut_off_from_one_node_resumes_on_another
        a_retry_is_published_once_whatever_node_it_comes_from
        whom_a_message_is_for_holds_on_all_nodes
    }
    presence {
        a_user_on_two_nodes_is_one_with_two_devices
        who_returns_on_another_node_in_time_is_not_missed
        who_leaves_one_node_is_gone_from_all_at_once
        the_users_of_a_dead_node_are_gone_in_time
        a_node_that_leaves_takes_its_users_along_at_once
        a_node_that_stood_still_is_back_with_its_users_and_misses_nothing
    }
    outage {
        nobody_stays_behind_after_an_outage
        an_engine_that_forgot_everything_is_noticed_by_all
        an_engine_that_delivers_nothing_is_found_out
        a_node_that_hears_nothing_catches_up
        a_node_that_is_not_heard_catches_up
        a_topic_with_history_takes_nothing_without_the_engine
        a_topic_without_history_goes_on_alone_and_says_so
        a_slow_engine_is_waited_for
        a_storm_while_topics_are_opened_again_loses_nothing
    }
    control {
        a_user_is_reached_on_all_nodes
        everyone_is_reached_on_all_nodes
        a_client_is_reached_on_whatever_node_it_is
        a_survey_says_who_did_not_answer
    }
    unnumbered {
        each_node_is_heard_in_its_own_order_and_once
        what_is_lost_and_not_kept_is_a_gap_of_just_that
        a_position_is_good_on_its_own_node_alone
        members_are_told_when_the_connection_was_gone
        members_are_told_when_a_loop_does_not_keep_up
        a_retry_is_heard_once_where_it_was_heard_before
        a_topic_where_nobody_is_passes_on_what_is_published
    }
    random {
        whatever_happens_members_have_everything_or_know_what_they_lost
    }
}
