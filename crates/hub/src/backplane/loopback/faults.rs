//! What goes wrong.

use std::time::Duration;

use crate::mix::mix;

/// What becomes of deliveries, by chance. Nothing, by default.
///
/// Each chance is a number from 0 to 1. Requests and their answers are not lost by chance, as on a connection that is reliable
/// but may break; see [`Bus::cut`](super::Bus::cut).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Faults {
    /// How long a delivery takes at most.
    pub delay: Duration,
    /// The chance that one is lost.
    pub lose: f64,
    /// The chance that one comes twice.
    pub duplicate: f64,
    /// The chance that one is overtaken by those behind it.
    pub reorder: f64,
}

/// Which way between a node and the bus is cut.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cut {
    /// What the node says gets lost.
    ToBus,
    /// What the node should hear gets lost.
    FromBus,
    /// Both.
    Both,
}

/// Chance that can be had again: the same seed, the same numbers.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(1);
        mix(self.0)
    }

    pub(crate) fn hits(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.fraction() < probability
    }

    pub(crate) fn up_to(&mut self, longest: Duration) -> Duration {
        if longest.is_zero() { longest } else { longest.mul_f64(self.fraction()) }
    }

    /// From 0 to less than 1.
    fn fraction(&mut self) -> f64 {
        f64::from(u32::try_from(self.next() >> 32).unwrap_or(0)) / (f64::from(u32::MAX) + 1.0)
    }
}
