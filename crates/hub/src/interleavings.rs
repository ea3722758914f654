//! The hand-over between a loop and a client's task, in all orders in which their steps can happen, as far as loom's memory
//! model knows them.

use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Wake, Waker};

use loom::future::block_on;
use loom::sync::Mutex;
use loom::sync::atomic::AtomicBool;
use loom::thread;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::conf::{Policy, TopicConf};
use crate::error::{Cause, Evicted};
use crate::event::Event;
use crate::identity::{ClientId, Identity};
use crate::inbox::{Inbox, Item};
use crate::join::Join;
use crate::log::Entry;
use crate::name::TopicName;
use crate::outlet::Outlet;
use crate::receipt::Epoch;
use crate::seats::Seats;
use crate::topic::Topic;

/// A topic with one member, as its loop has it.
struct Loop {
    topic: Topic<u32>,
    inbox: Arc<Inbox<u32>>,
    now: Instant,
}

/// The client's task: what it has read, and whether it would be polled.
struct Task {
    seats: Seats<u32>,
    inbox: Arc<Inbox<u32>>,
    woken: Arc<Woken>,
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        // No plain store: loom would put one between the read and the write of a swap.
        self.0.swap(true, Ordering::SeqCst);
    }
}

/// Takes so many messages.
struct Room {
    room: Mutex<usize>,
    seen: Arc<Mutex<Vec<u32>>>,
}

impl Outlet<u32> for Room {
    fn offer(&self, _first: u64, messages: &[u32]) -> usize {
        let mut room = self.room.lock().expect("not poisoned");
        let count = messages.len().min(*room);
        *room -= count;
        self.seen.lock().expect("not poisoned").extend(&messages[..count]);
        count
    }
}

fn joined(conf: TopicConf, max_direct: usize) -> (Loop, Task) {
    let now = Instant::now();
    let (leaver, _) = mpsc::unbounded_channel();
    let inbox = Arc::new(Inbox::new(ClientId(1), Identity::default(), max_direct, Arc::default()));
    let mut topic = Topic::new(TopicName::new("lobby").expect("a name"), conf, Epoch(1), Arc::default());
    let (membership, _) = topic.join(&inbox, Join::new(), &leaver, now);
    let mut seats = Seats::new();
    seats.sit(membership);
    let task = Task { seats, inbox: inbox.clone(), woken: Arc::new(Woken(AtomicBool::new(true))) };
    (Loop { topic, inbox, now }, task)
}

impl Loop {
    fn publish(&mut self, number: u32) {
        self.topic.publish(Entry::new(number.into()), None, None);
        self.topic.begin_pass(self.now);
        while self.topic.advance(usize::MAX, self.now) {}
    }
}

impl Task {
    /// Runs for as long as it would be woken at once.
    fn run(&mut self, take: &mut impl FnMut(Event<u32>)) -> Poll<Result<usize, Evicted>> {
        let waker = Waker::from(self.woken.clone());
        let cx = &Context::from_waker(&waker);
        let mut last = Poll::Pending;
        while self.woken.0.swap(false, Ordering::SeqCst) {
            loop {
                last = self.seats.poll_take(&self.inbox, cx, 10, take);
                if !matches!(last, Poll::Ready(Ok(1..))) {
                    break;
                }
            }
        }
        last
    }
}

/// All in which no thread is interrupted more than twice, unless LOOM_MAX_PREEMPTIONS says otherwise: without a bound it takes
/// for ever.
fn in_all_orders(test: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = model.preemption_bound.or(Some(2));
    model.check(test);
}

fn number(event: Event<u32>) -> u32 {
    match event {
        Event::Message { message, .. } | Event::Direct(message) => message,
        other => panic!("no message: {other:?}"),
    }
}

#[test]
fn a_message_is_read_or_the_task_is_woken_for_it() {
    in_all_orders(|| {
        let (mut topic, mut task) = joined(TopicConf::default(), 9);
        let publishing = thread::spawn(move || (1..=2).for_each(|number| topic.publish(number)));
        let mut read = Vec::new();
        assert!(task.run(&mut |event| read.push(number(event))).is_pending());
        publishing.join().unwrap();
        assert!(task.run(&mut |event| read.push(number(event))).is_pending());
        assert_eq!(read, [1, 2]);
    });
}

#[test]
fn between_outlet_and_task_nothing_is_lost_doubled_or_out_of_order() {
    for room in 0..=2 {
        in_all_orders(move || {
            let (mut topic, mut task) = joined(TopicConf::default(), 9);
            let seen = Arc::new(Mutex::new(Vec::new()));
            topic.inbox.attach(Arc::new(Room { room: Mutex::new(room), seen: seen.clone() }));
            let publishing = thread::spawn(move || (1..=2).for_each(|number| topic.publish(number)));
            assert!(task.run(&mut |event| seen.lock().unwrap().push(number(event))).is_pending());
            publishing.join().unwrap();
            assert!(task.run(&mut |event| seen.lock().unwrap().push(number(event))).is_pending());
            assert_eq!(*seen.lock().unwrap(), [1, 2]);
        });
    }
}

#[test]
fn one_that_falls_off_the_tail_has_all_before_and_is_told() {
    in_all_orders(|| {
        let conf = TopicConf { max_messages: NonZeroUsize::MIN, ..TopicConf::default() };
        let (mut topic, mut task) = joined(conf, 9);
        let publishing = thread::spawn(move || (1..=2).for_each(|number| topic.publish(number)));
        let mut read = Vec::new();
        let first = task.run(&mut |event| read.push(number(event)));
        publishing.join().unwrap();
        let last = if first.is_pending() { task.run(&mut |event| read.push(number(event))) } else { first };
        match last {
            Poll::Pending => assert_eq!(read, [1, 2]),
            Poll::Ready(end) => {
                assert_eq!(end.map_err(|evicted| evicted.cause()), Err(Cause::TooSlow));
                assert!(read.is_empty() || read == [1], "{read:?}");
            }
        }
    });
}

#[test]
fn one_that_loses_the_oldest_is_told_exactly_which() {
    in_all_orders(|| {
        let conf =
            TopicConf { max_messages: NonZeroUsize::MIN, policy: Policy::DropOldest, ..TopicConf::default() };
        let (mut topic, mut task) = joined(conf, 9);
        let publishing = thread::spawn(move || (1..=2).for_each(|number| topic.publish(number)));
        let mut covered = Vec::new();
        let mut take = |event| match event {
            Event::Message { offset, .. } => covered.push(offset),
            Event::Gap { from, to, .. } => covered.extend(from..=to),
            other => panic!("neither message nor gap: {other:?}"),
        };
        assert!(task.run(&mut take).is_pending());
        publishing.join().unwrap();
        assert!(task.run(&mut take).is_pending());
        assert_eq!(covered, [1, 2]);
    });
}

#[test]
fn what_is_said_directly_is_read_or_the_task_is_woken_for_it() {
    in_all_orders(|| {
        let (topic, mut task) = joined(TopicConf::default(), 9);
        let saying = thread::spawn(move || (1..=2).for_each(|number| topic.inbox.say(number)));
        let mut read = Vec::new();
        assert!(task.run(&mut |event| read.push(number(event))).is_pending());
        saying.join().unwrap();
        assert!(task.run(&mut |event| read.push(number(event))).is_pending());
        assert_eq!(read, [1, 2]);
    });
}

#[test]
fn an_answer_that_waits_for_room_gets_it() {
    in_all_orders(|| {
        let (topic, mut task) = joined(TopicConf::default(), 1);
        let answering = thread::spawn(move || {
            for number in 1..=2 {
                let mut message = Some(number);
                assert!(block_on(poll_fn(|cx| topic.inbox.poll_say(cx, &mut message))));
            }
        });
        // Neither is polled but when it is woken: loom finds an order in which both would wait.
        let mut read = Vec::new();
        while read.len() < 2 {
            let mut take = |event| read.push(number(event));
            let count = block_on(poll_fn(|cx| task.seats.poll_take(&task.inbox, cx, 10, &mut take)));
            assert!(count.is_ok_and(|count| count > 0));
        }
        answering.join().unwrap();
        assert_eq!(read, [1, 2]);
    });
}

#[test]
fn whoever_is_ended_finds_out() {
    in_all_orders(|| {
        let (topic, mut task) = joined(TopicConf::default(), 9);
        let ending = thread::spawn(move || topic.inbox.end(Evicted::new(Cause::Kicked)));
        let first = task.run(&mut |_| ());
        ending.join().unwrap();
        let last = if first.is_pending() { task.run(&mut |_| ()) } else { first };
        assert_eq!(last.map(|end| end.map_err(|evicted| evicted.cause())), Poll::Ready(Err(Cause::Kicked)));
    });
}

#[test]
fn a_seat_that_comes_by_the_lane_is_taken_with_what_was_said_before_it() {
    in_all_orders(|| {
        let (mut topic, mut task) = joined(TopicConf::default(), 9);
        let (leaver, _) = mpsc::unbounded_channel();
        // The same client in another topic: an answer, the seat, and what is published there.
        let mut other =
            Topic::new(TopicName::new("attic").unwrap(), TopicConf::default(), Epoch(2), Arc::default());
        let joining = thread::spawn(move || {
            let (membership, _) = other.join(&topic.inbox, Join::new(), &leaver, topic.now);
            topic.inbox.say(1);
            topic.inbox.push(Item::Seat(membership));
            topic.topic = other;
            topic.publish(2);
        });
        let mut read = Vec::new();
        assert!(task.run(&mut |event| read.push(number(event))).is_pending());
        joining.join().unwrap();
        assert!(task.run(&mut |event| read.push(number(event))).is_pending());
        assert_eq!(read, [1, 2]);
    });
}
