//! Where a service runs.

use serde::{Deserialize, Serialize};

/// What a service runs for. Everywhere but in production nothing is shed, so that a busy machine does not spoil a test.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Mode {
    /// `dev`: somebody's own machine.
    Dev,
    /// `test`: tests.
    Test,
    /// `rt`: regression tests.
    Rt,
    /// `pre`: the rehearsal of production.
    Pre,
    /// `pro`: production.
    #[default]
    Pro,
}
