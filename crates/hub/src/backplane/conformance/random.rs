//! Faults by chance, and an oracle that knows what members may hear.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::play::{case, end, hubs, is_up, keeping};
use super::{Cluster, Fault, Line, Verdict};
use crate::backplane::loopback::{Chance, Cut, Faults};
use crate::event::Event;
use crate::receipt::{Epoch, Position};
use crate::test::Member;

/// [`with_seed`], once.
pub async fn whatever_happens_members_have_everything_or_know_what_they_lost(
    cluster: &impl Cluster,
) -> Verdict {
    with_seed(cluster, 1).await
}

/// Members on three nodes talk while faults come and go, by this seed. In the end each has heard, in order, every number since it
/// came, or has been told of a gap or of new numbers in its place; the same number was the same message for all; what was
/// said last, when all was well, everyone has heard.
pub async fn with_seed(cluster: &impl Cluster, seed: u64) -> Verdict {
    case!({
        // Every other time topics go on alone.
        let kept = if seed.is_multiple_of(2) { 0 } else { 20 };
        let [a, b, c] = hubs(cluster, &keeping(kept), NAMES).await?;
        let mut chance = Chance::new(seed);
        let mut members = Vec::new();
        let is_one_order = cluster.capabilities().sequences;
        let mut oracle = Oracle { seed, is_one_order, said: BTreeMap::new() };
        let mut views = Vec::new();
        for hub in [&a, &b, &c] {
            let mut member = hub.connect("ann").await;
            let joined = member.join("lobby", crate::Join::new()).await;
            views.push(joined.position);
            members.push(member);
        }
        for step in 0..STEPS {
            for fault in what_happens(&mut chance) {
                cluster.fault(fault);
            }
            for number in 0..chance.next() % 12 {
                let who = usize::try_from(chance.next() % 3).expect("less than 3");
                let (member, text) = (&members[who], format!("{who}: {step:03} {number:03}"));
                if let Ok(receipt) = member.handle().publish("lobby", Line::from(text.as_str())).await {
                    oracle.note(receipt.position.epoch, receipt.position.offset, &text);
                }
            }
            sleep(chance.up_to(Duration::from_secs(8))).await;
        }
        all_is_well(cluster);
        for hub in [&a, &b, &c] {
            sleep(Duration::from_secs(10)).await; // any connection that is broken is found out
            is_up(hub).await;
        }
        let last = members[0].handle().publish("lobby", Line::from("the last")).await.expect("all is well");
        oracle.note(last.position.epoch, last.position.offset, "the last");
        for (member, view) in members.iter_mut().zip(&mut views) {
            oracle.hear(member, view).await;
            if is_one_order {
                assert_eq!(*view, last.position, "seed {seed}: everyone has heard the last");
            }
        }
        Ok(end(members, [a, b, c]).await)
    })
}

/// What has been said, by its place.
struct Oracle {
    seed: u64,
    /// Whether a number is the same message on all nodes.
    is_one_order: bool,
    said: BTreeMap<(String, u64), String>,
}

impl Oracle {
    fn note(&mut self, epoch: Epoch, offset: u64, text: &str) {
        if !self.is_one_order {
            return;
        }
        let known = self.said.entry((epoch.to_string(), offset)).or_insert_with(|| text.to_owned());
        assert_eq!(known, text, "seed {}: one number, one message", self.seed);
    }

    /// Listens to all that a member has heard, beginning where it stood.
    async fn hear(&mut self, member: &mut Member<Line>, view: &mut Position) {
        let (seed, mut latest) = (self.seed, BTreeMap::new());
        let mut last = String::new();
        while let Ok(event) = timeout(Duration::from_secs(20), member.next()).await {
            match event {
                Event::Message { offset, message, .. } => {
                    assert_eq!(offset, view.offset + 1, "seed {seed}: {message:?} in its turn");
                    self.note(view.epoch, offset, message.as_str());
                    view.offset = offset;
                    last = message.as_str().to_owned();
                    if let Some((who, text)) = last.split_once(": ") {
                        let before = latest.insert(who.to_owned(), text.to_owned());
                        assert!(
                            before.is_none_or(|before| *before < *text),
                            "seed {seed}: each in its order"
                        );
                    }
                }
                Event::Gap { from, to, .. } => {
                    assert_eq!(from, view.offset + 1, "seed {seed}: a gap begins where it has heard up to");
                    assert!(to >= from, "seed {seed}: a gap from {from} to {to}");
                    view.offset = to;
                }
                Event::Reset { position, .. } => *view = position,
                other => panic!("seed {seed}: nobody said {other:?}"),
            }
        }
        assert_eq!(last, "the last", "seed {seed}: what was said when all was well");
    }
}

fn what_happens(chance: &mut Chance) -> Vec<Fault> {
    let node = NAMES[usize::try_from(chance.next() % 3).expect("less than 3")];
    match chance.next() % 12 {
        0 => vec![Fault::Deliveries(Faults { lose: 0.3, ..Faults::default() })],
        1 => vec![Fault::Deliveries(Faults {
            duplicate: 0.3,
            reorder: 0.3,
            delay: Duration::from_millis(300),
            lose: 0.1,
        })],
        2 => vec![Fault::Deliveries(Faults::default())],
        3 => vec![Fault::Cut(node, Cut::ToBus)],
        4 => vec![Fault::Cut(node, Cut::FromBus)],
        5 => vec![Fault::Cut(node, Cut::Both)],
        6 => NAMES.map(Fault::Heal).into(),
        7 => vec![Fault::Wedge(node)],
        8 => vec![Fault::Pause(node)],
        9 => NAMES.map(Fault::Resume).into(),
        10 => vec![Fault::Stop],
        _ => vec![if chance.hits(0.3) { Fault::StartEmpty } else { Fault::Start }],
    }
}

fn all_is_well(cluster: &impl Cluster) {
    cluster.fault(Fault::Deliveries(Faults::default()));
    cluster.fault(Fault::Start);
    for node in NAMES {
        cluster.fault(Fault::Heal(node));
        cluster.fault(Fault::Resume(node));
    }
}

const NAMES: [&str; 3] = ["a", "b", "c"];

const STEPS: usize = 40;
