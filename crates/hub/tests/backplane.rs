//! The promises of several hubs as one, on the loopback bus, on one that can less, and on a hub that is alone.

use std::collections::BTreeMap;

use hub::backplane::Capabilities;
use hub::backplane::conformance::{
    Cluster, Fault, Line, Verdict, all, control, order, outage, presence, random, unnumbered,
};
use hub::backplane::loopback::Bus;
use hub::{Hub, HubConf};

/// Nodes on one bus.
struct Loopback(Bus, Capabilities);

impl Loopback {
    fn new() -> Self {
        Self::by(1, ALL)
    }

    fn by(seed: u64, capabilities: Capabilities) -> Self {
        Self(Bus::that_can(capabilities, seed), capabilities)
    }
}

impl Cluster for Loopback {
    fn hub(&self, name: &str, conf: HubConf) -> Hub<Line> {
        Hub::spawn_on(conf, self.0.node(name))
    }

    fn capabilities(&self) -> Capabilities {
        self.1
    }

    fn fault(&self, fault: Fault) -> bool {
        let bus = &self.0;
        match fault {
            Fault::Stop => bus.stop(),
            Fault::Start => bus.start(),
            Fault::StartEmpty => bus.start_empty(),
            Fault::Cut(node, cut) => bus.cut(node, cut),
            Fault::Heal(node) => bus.heal(node),
            Fault::Wedge(node) => bus.wedge(node),
            Fault::Pause(node) => bus.pause(node),
            Fault::Resume(node) => bus.resume(node),
            Fault::Kill(node) => bus.kill(node),
            Fault::Slow(time) => bus.set_slow(time),
            Fault::Deliveries(faults) => bus.set_faults(faults),
            _ => return false,
        }
        true
    }
}

const ALL: Capabilities = Capabilities::all(1 << 20);

/// A hub that is alone.
struct Embedded;

impl Cluster for Embedded {
    fn hub(&self, _: &str, conf: HubConf) -> Hub<Line> {
        Hub::spawn(conf)
    }

    fn nodes(&self) -> usize {
        1
    }

    fn fault(&self, _: Fault) -> bool {
        false
    }
}

#[tokio::test(start_paused = true)]
async fn one_node_hears_what_it_says() {
    assert_eq!(order::one_node_hears_what_it_says(&Loopback::new()).await, Verdict::Holds);
}

#[tokio::test(start_paused = true)]
async fn all_nodes_hear_one_order() {
    assert_eq!(order::all_nodes_hear_one_order(&Loopback::new()).await, Verdict::Holds);
}

#[tokio::test(start_paused = true)]
async fn nothing_passes_twice_and_nothing_out_of_order() {
    assert_eq!(order::nothing_passes_twice_and_nothing_out_of_order(&Loopback::new()).await, Verdict::Holds);
}

#[tokio::test(start_paused = true)]
async fn what_is_lost_is_fetched() {
    assert_eq!(order::what_is_lost_is_fetched(&Loopback::new()).await, Verdict::Holds);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_into_the_lane_is_fetched() {
    assert_eq!(order::what_does_not_fit_into_the_lane_is_fetched(&Loopback::new()).await, Verdict::Holds);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_fetched_is_announced_and_nothing_else() {
    assert_eq!(
        order::what_cannot_be_fetched_is_announced_and_nothing_else(&Loopback::new()).await,
        Verdict::Holds
    );
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_gets_the_history_of_the_other_nodes() {
    assert_eq!(order::a_newcomer_gets_the_history_of_the_other_nodes(&Loopback::new()).await, Verdict::Holds);
}

#[tokio::test(start_paused = true)]
async fn who_is_cut_off_from_one_node_resumes_on_another() {
    assert_eq!(
        order::who_is_cut_off_from_one_node_resumes_on_another(&Loopback::new()).await,
        Verdict::Holds
    );
}

#[tokio::test(start_paused = true)]
async fn a_retry_is_published_once_whatever_node_it_comes_from() {
    assert_eq!(
        order::a_retry_is_published_once_whatever_node_it_comes_from(&Loopback::new()).await,
        Verdict::Holds
    );
}

#[tokio::test(start_paused = true)]
async fn whom_a_message_is_for_holds_on_all_nodes() {
    assert_eq!(order::whom_a_message_is_for_holds_on_all_nodes(&Loopback::new()).await, Verdict::Holds);
}

#[tokio::test(start_paused = true)]
async fn a_user_on_two_nodes_is_one_with_two_devices() {
    assert_eq!(presence::a_user_on_two_nodes_is_one_with_two_devices(&Loopback::new()).await, Verdict::Holds);
}

#[tokio::test(start_paused = true)]
async fn who_returns_on_another_node_in_time_is_not_missed() {
    assert_eq!(
        presence::who_returns_on_another_node_in_time_is_not_missed(&Loopback::new()).await,
        Verdict::Holds
    );
}

#[tokio::test(start_paused = true)]
async fn who_leaves_one_node_is_gone_from_all_at_once() {
    assert_eq!(
        presence::who_leaves_one_node_is_gone_from_all_at_once(&Loopback::new()).await,
        Verdict::Holds
    );
}

#[tokio::test(start_paused = true)]
async fn the_users_of_a_dead_node_are_gone_in_time() {
    assert_eq!(presence::the_users_of_a_dead_node_are_gone_in_time(&Loopback::new()).await, Verdict::Holds);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_leaves_takes_its_users_along_at_once() {
    assert_eq!(
        presence::a_node_that_leaves_takes_its_users_along_at_once(&Loopback::new()).await,
        Verdict::Holds
    );
}

#[tokio::test(start_paused = true)]
async fn a_node_that_stood_still_is_back_with_its_users_and_misses_nothing() {
    assert_eq!(
        presence::a_node_that_stood_still_is_back_with_its_users_and_misses_nothing(&Loopback::new()).await,
        Verdict::Holds
    );
}

#[tokio::test(start_paused = true)]
async fn nobody_stays_behind_after_an_outage() {
    assert_eq!(outage::nobody_stays_behind_after_an_outage(&Loopback::new()).await, Verdict::Holds);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_forgot_everything_is_noticed_by_all() {
    assert_eq!(
        outage::an_engine_that_forgot_everything_is_noticed_by_all(&Loopback::new()).await,
        Verdict::Holds
    );
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_delivers_nothing_is_found_out() {
    assert_eq!(outage::an_engine_that_delivers_nothing_is_found_out(&Loopback::new()).await, Verdict::Holds);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_hears_nothing_catches_up() {
    assert_eq!(outage::a_node_that_hears_nothing_catches_up(&Loopback::new()).await, Verdict::Holds);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_not_heard_catches_up() {
    assert_eq!(outage::a_node_that_is_not_heard_catches_up(&Loopback::new()).await, Verdict::Holds);
}

#[tokio::test(start_paused = true)]
async fn a_topic_with_history_takes_nothing_without_the_engine() {
    assert_eq!(
        outage::a_topic_with_history_takes_nothing_without_the_engine(&Loopback::new()).await,
        Verdict::Holds
    );
}

#[tokio::test(start_paused = true)]
async fn a_topic_without_history_goes_on_alone_and_says_so() {
    assert_eq!(
        outage::a_topic_without_history_goes_on_alone_and_says_so(&Loopback::new()).await,
        Verdict::Holds
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_engine_is_waited_for() {
    assert_eq!(outage::a_slow_engine_is_waited_for(&Loopback::new()).await, Verdict::Holds);
}

#[tokio::test(start_paused = true)]
async fn a_storm_while_topics_are_opened_again_loses_nothing() {
    assert_eq!(
        outage::a_storm_while_topics_are_opened_again_loses_nothing(&Loopback::new()).await,
        Verdict::Holds
    );
}

#[tokio::test(start_paused = true)]
async fn a_user_is_reached_on_all_nodes() {
    assert_eq!(control::a_user_is_reached_on_all_nodes(&Loopback::new()).await, Verdict::Holds);
}

#[tokio::test(start_paused = true)]
async fn everyone_is_reached_on_all_nodes() {
    assert_eq!(control::everyone_is_reached_on_all_nodes(&Loopback::new()).await, Verdict::Holds);
}

#[tokio::test(start_paused = true)]
async fn a_client_is_reached_on_whatever_node_it_is() {
    assert_eq!(control::a_client_is_reached_on_whatever_node_it_is(&Loopback::new()).await, Verdict::Holds);
}

#[tokio::test(start_paused = true)]
async fn a_survey_says_who_did_not_answer() {
    assert_eq!(control::a_survey_says_who_did_not_answer(&Loopback::new()).await, Verdict::Holds);
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_members_have_everything_or_know_what_they_lost() {
    assert_eq!(
        random::whatever_happens_members_have_everything_or_know_what_they_lost(&Loopback::new()).await,
        Verdict::Holds
    );
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_by_other_seeds_holds_as_well() {
    for seed in 2..=24 {
        let cluster = Loopback::by(seed, ALL);
        assert_eq!(random::with_seed(&cluster, seed).await, Verdict::Holds, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_node_is_heard_in_its_own_order_and_once() {
    assert_eq!(
        unnumbered::each_node_is_heard_in_its_own_order_and_once(&Loopback::new()).await,
        Verdict::Holds
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_lost_and_not_kept_is_a_gap_of_just_that() {
    for can in [ALL.without_history(), ALL.without_sequences()] {
        let cluster = Loopback::by(1, can);
        let verdict = unnumbered::what_is_lost_and_not_kept_is_a_gap_of_just_that(&cluster).await;
        assert_eq!(verdict, Verdict::Holds, "{can:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_engine_without_history_does_all_but_fetch_what_is_lost() {
    let verdicts = all(|| Loopback::by(1, ALL.without_history())).await;
    assert_eq!(
        not_applying(&verdicts),
        [("the engine keeps no history", 10), ("the engine numbers, which is more", 3),]
    );
}

#[tokio::test(start_paused = true)]
async fn an_engine_without_presence_does_the_rest() {
    let verdicts = all(|| Loopback::by(1, ALL.without_presence())).await;
    let expected = [
        ("the engine does not keep presence", 7),
        ("the engine keeps what is lost, which is more", 1),
        ("the engine numbers, which is more", 3),
    ];
    assert_eq!(not_applying(&verdicts), expected);
}

#[tokio::test(start_paused = true)]
async fn with_an_engine_that_does_not_number_each_node_has_its_own_order_and_all_else_is_told() {
    let verdicts = all(|| Loopback::by(1, ALL.without_sequences())).await;
    let expected = [
        ("the engine does not keep presence", 7),
        ("the engine does not number", 6),
        ("the engine keeps no history", 9),
    ];
    assert_eq!(not_applying(&verdicts), expected);
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_by_other_seeds_holds_by_engines_that_can_less() {
    for can in [ALL.without_history(), ALL.without_sequences()] {
        for seed in 2..=24 {
            let cluster = Loopback::by(seed, can);
            assert_eq!(random::with_seed(&cluster, seed).await, Verdict::Holds, "seed {seed}, {can:?}");
        }
    }
}

/// Why cases do not apply, and how many for each reason.
fn not_applying(verdicts: &[(&str, Verdict)]) -> Vec<(&'static str, usize)> {
    let mut reasons = BTreeMap::new();
    for (_, verdict) in verdicts {
        if let Verdict::DoesNotApply(why) = verdict {
            *reasons.entry(*why).or_insert(0) += 1;
        }
    }
    reasons.into_iter().collect()
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_is_alone_holds_what_one_node_can() {
    let verdicts = all(|| Embedded).await;
    let holds: Vec<_> = verdicts.iter().filter(|(_, verdict)| *verdict == Verdict::Holds).collect();
    assert_eq!(holds, [&("one_node_hears_what_it_says", Verdict::Holds)], "the rest is about several nodes");
    assert_eq!(verdicts.len(), 37);
}
