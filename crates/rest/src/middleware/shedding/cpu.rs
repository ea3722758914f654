use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use super::usage::Usage;
use crate::shutdown::Stopping;

/// All of the CPU that there is.
pub(super) const CPU_MAX: u32 = 1000;

/// How busy the CPU is, from 0 to [`CPU_MAX`], as an average that forgets within seconds.
///
/// It is 0 until [`watch`](Self::watch) runs, and stays 0 where there is nothing to read: elsewhere than on Linux.
#[derive(Clone, Default)]
pub(super) struct Cpu(Arc<AtomicU32>);

impl Cpu {
    pub(super) fn reading(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// Takes readings until the engine drains.
    pub(super) async fn watch(self, mut stopping: Stopping) {
        let Some(mut usage) = Usage::find(Instant::now()) else {
            return tracing::info!("no CPU usage can be read here, so that shedding never begins");
        };
        let mut ticks = interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut average = 0.0;
        loop {
            tokio::select! {
                () = stopping.draining() => return,
                _ = ticks.tick() => {}
            }
            // The files are the kernel's, in memory: reading them does not block.
            average = smooth(average, usage.next(Instant::now()));
            self.set(average);
        }
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is from 0 to 1000")]
    pub(super) fn set(&self, reading: f64) {
        self.0.store(reading.round() as u32, Ordering::Relaxed);
    }
}

fn smooth(average: f64, reading: f64) -> f64 {
    average * BETA + reading * (1.0 - BETA)
}

/// go-zero's, as is the weight of the past.
const INTERVAL: Duration = Duration::from_millis(250);
const BETA: f64 = 0.95;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_machine_is_over_the_threshold_after_45_readings() {
        // 1000 * (1 - 0.95^45) = 900.6, 1000 * (1 - 0.95^44) = 895.3
        let averages: Vec<_> =
            std::iter::successors(Some(0.0), |average| Some(smooth(*average, 1000.0))).take(46).collect();
        assert!((averages[44] - 895.3).abs() < 0.1 && (averages[45] - 900.6).abs() < 0.1, "{averages:?}");
    }
}
