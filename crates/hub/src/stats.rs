//! What a hub counts.

mod counter;
mod histogram;
mod link;

use serde::Serialize;

pub use self::histogram::Histogram;
pub use self::link::BackplaneStats;
pub(crate) use self::link::LinkCounters;

use self::counter::{Counted, Counter, causes};
use crate::error::{Cause, Evicted};
use crate::member::Parting;
use crate::window::Limit;

/// Declares what is counted, once: as what the loops and what the clients' tasks count, and as their sum.
macro_rules! counters {
    (
        loops { $($(#[$of_loop:meta])+ $by_loop:ident: $loop_type:ty,)+ }
        tasks { $($(#[$of_task:meta])+ $by_task:ident: $task_type:ty,)+ }
    ) => {
        /// What a loop counts. It alone writes it.
        #[derive(Debug, Default)]
        pub(crate) struct LoopCounters {
            $(pub(crate) $by_loop: <$loop_type as Counted>::Live,)+
        }

        /// What the tasks of clients count, and the loops where they end one. Away from the other, so that no core waits for
        /// another's cache.
        #[derive(Debug, Default)]
        #[repr(align(128))]
        pub(crate) struct TaskCounters {
            $(pub(crate) $by_task: <$task_type as Counted>::Live,)+
        }

        /// What a hub has counted, and what it holds, all its loops together, as of a moment ago.
        ///
        /// Counters begin with the hub. As JSON it has the same names.
        #[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
        #[non_exhaustive]
        pub struct Stats {
            $($(#[$of_loop])+ pub $by_loop: $loop_type,)+
            $($(#[$of_task])+ pub $by_task: $task_type,)+
            /// How many clients a [drain](crate::Hub::drain) that goes on has still to end.
            pub drain_remaining: u64,
            /// How it stands with the others of its cluster; `None` for a hub that is alone.
            pub backplane: Option<BackplaneStats>,
            /// The loops, one by one.
            pub loops: Vec<LoopStats>,
        }

        impl Stats {
            /// Adds a loop, for which so many commands wait.
            pub(crate) fn add(&mut self, counters: &Counters, queued: usize) {
                $(self.$by_loop.gather(&counters.of_loop.$by_loop);)+
                $(self.$by_task.gather(&counters.of_tasks.$by_task);)+
                self.loops.push(LoopStats::new(&counters.of_loop, queued));
            }
        }
    };
}

counters! {
    loops {
        /// Clients that are connected.
        clients: u64,
        /// Users who are.
        users: u64,
        /// Topics that there are.
        topics: u64,
        /// Members of them: a client counts once for each of its topics.
        members: u64,
        /// What the messages weigh that are in memory: those of topics, and those that clients have still to read of topics
        /// that have ended.
        held_bytes: u64,
        /// Joins so far.
        joins: u64,
        /// Leaves so far, by their cause.
        leaves: Leaves,
        /// Messages published so far, notices of presence included.
        published: u64,
        /// Publications that were retries, and not published again.
        duplicates: u64,
        /// Messages that went from a loop into an outlet, without the client's task; see also `delivered_by_tasks`.
        delivered_by_loops: u64,
        /// Messages that were said directly to a client.
        direct: u64,
        /// How often a member was offered what is new, and took all of it.
        offered: u64,
        /// How often a member's task was woken instead.
        woken: u64,
        /// Joins so far that asked for what came after a position, by what came of it.
        recoveries: Recoveries,
        /// Users who were cut off and returned in time, so that nobody was told.
        presence_damped: u64,
        /// How long it took to tell all members of a topic what was published there, in nanoseconds, pauses included.
        fanout_nanos: Histogram,
        /// How many messages the member that was furthest behind had not read, once per time that a topic's members were told,
        /// if one was behind.
        queue_messages: Histogram,
        /// How many bytes those were, by their weight.
        queue_bytes: Histogram,
        /// How long a publication waited before its loop took it, in nanoseconds: the first one of each batch.
        loop_lag_nanos: Histogram,
        /// How long the loops were busy telling members, in nanoseconds.
        busy_nanos: u64,
        /// What other nodes' engine delivered twice, and was not passed on again.
        repeated: u64,
        /// How often something that the engine had not delivered was fetched from it.
        repaired: u64,
        /// How often that could not be, so that members of a topic were told of a gap.
        gaps: u64,
        /// How often a topic was numbered anew while members were there.
        resets: u64,
    }
    tasks {
        /// Messages that clients' tasks have read.
        delivered_by_tasks: u64,
        /// Messages that members did not get, as they were too far behind, by why it was them.
        dropped: Dropped,
        /// Clients that were given up as they were too slow, by the limit that they exceeded.
        evicted: Evictions,
        /// Clients that were ended for another reason.
        ended: Endings,
        /// Deliveries from other nodes that were dropped, as the loop did not keep up, and fetched again.
        overflowed: u64,
        /// Deliveries from other nodes that were no message.
        undecodable: u64,
        /// Messages that nobody waited for a receipt of, and that could not be published, or not for all nodes.
        unpublished: u64,
    }
}

causes! {
    /// Why members left their topics.
    Leaves, LiveLeaves {
        /// The client said so.
        clean,
        /// The client was cut off, and may return.
        lost,
        /// The server took it out of the topic.
        unsubscribed,
        /// It was too slow.
        evicted,
        /// The server cut it.
        kicked,
        /// Its user had a newer connection.
        replaced,
        /// The hub was drained.
        drained,
    }
}

causes! {
    /// What came of joins after a position.
    Recoveries, LiveRecoveries {
        /// All that came after it followed.
        ok,
        /// The topic no longer had all of it.
        gap,
        /// The position was of another life of the topic.
        epoch,
    }
}

causes! {
    /// Which messages were lost for members: they are told of a gap.
    Dropped, LiveDropped {
        /// By the policy `DropOldest`.
        oldest,
        /// By the policy `Conflate`; those that were replaced by a newer one are among them, without a gap.
        conflated,
        /// Of the history that a newcomer had asked for, and did not read in time.
        history,
    }
}

causes! {
    /// Which limit a slow client exceeded.
    Evictions, LiveEvictions {
        /// [`TopicConf::max_messages`](crate::TopicConf::max_messages).
        count,
        /// [`TopicConf::max_bytes`](crate::TopicConf::max_bytes).
        bytes,
        /// [`TopicConf::max_age`](field@crate::TopicConf::max_age).
        age,
        /// [`HubConf::max_direct`](crate::HubConf::max_direct).
        direct,
    }
}

causes! {
    /// Why clients were ended that were not too slow.
    Endings, LiveEndings {
        /// The server cut them.
        kicked,
        /// Their user had a newer connection.
        replaced,
        /// The hub was drained.
        drained,
    }
}

/// The load of a loop.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LoopStats {
    /// How many commands wait for it.
    pub queued: usize,
    /// Topics that it has.
    pub topics: u64,
    /// Members of them.
    pub members: u64,
    /// Messages published in them so far.
    pub published: u64,
    /// How long it was busy telling members so far, in nanoseconds.
    pub busy_nanos: u64,
}

/// What is counted of a loop, and of what its topics and clients do.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) of_loop: LoopCounters,
    pub(crate) of_tasks: TaskCounters,
}

impl Stats {
    /// Messages that were given to members so far.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.delivered_by_loops + self.delivered_by_tasks
    }

    /// How many commands wait for the loops.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.loops.iter().map(|it| it.queued).sum()
    }
}

impl LoopStats {
    fn new(counters: &LoopCounters, queued: usize) -> Self {
        Self {
            queued,
            topics: counters.topics.get(),
            members: counters.members.get(),
            published: counters.published.get(),
            busy_nanos: counters.busy_nanos.get(),
        }
    }
}

impl TaskCounters {
    /// A client was ended.
    pub(crate) fn ended(&self, evicted: &Evicted) {
        let counter = match (evicted.cause(), evicted.limit()) {
            (Cause::TooSlow, Limit::Count) => &self.evicted.count,
            (Cause::TooSlow, Limit::Bytes) => &self.evicted.bytes,
            (Cause::TooSlow, Limit::Age) => &self.evicted.age,
            (Cause::TooMuchDirect, _) => &self.evicted.direct,
            (Cause::Kicked, _) => &self.ended.kicked,
            (Cause::Replaced, _) => &self.ended.replaced,
            (Cause::Draining(_), _) => &self.ended.drained,
            (Cause::Gap | Cause::Unsubscribed, _) => return, // no end of the client
        };
        counter.add(1);
    }
}

impl LiveLeaves {
    /// A member left whose client goes on, or was ended.
    pub(crate) fn count(&self, parting: Parting, ended: Option<Evicted>) {
        let counter = match (ended.map(|evicted| evicted.cause()), parting) {
            (Some(Cause::TooSlow | Cause::TooMuchDirect), _) => &self.evicted,
            (Some(Cause::Kicked), _) => &self.kicked,
            (Some(Cause::Replaced), _) => &self.replaced,
            (Some(Cause::Draining(_)), _) => &self.drained,
            (_, Parting::Clean) => &self.clean,
            (_, Parting::Lost) => &self.lost,
            (_, Parting::Unsubscribed) => &self.unsubscribed,
        };
        counter.add_alone(1);
    }

    /// All of them.
    pub(crate) fn total(&self) -> u64 {
        let mut leaves = Leaves::default();
        leaves.gather(self);
        leaves.total()
    }
}
