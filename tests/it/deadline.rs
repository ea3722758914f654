//! The one deadline of all tests: long enough for a busy machine, short enough to be noticed.

use std::time::Duration;

use tokio::time::timeout;

pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Waits for what is expected to come soon; the panic says what did not.
pub(crate) async fn within<T>(what: &str, expected: impl Future<Output = T>) -> T {
    timeout(DEADLINE, expected).await.unwrap_or_else(|_| panic!("{what} did not come within {DEADLINE:?}"))
}
