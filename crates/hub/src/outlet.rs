//! The short way to a client: from the loop into its socket.

/// Takes messages without waiting, for a client that keeps up.
///
/// The loop offers what is new to one outlet after another, so that no task is woken and nothing is queued for those who
/// can take it at once. See [`Client::attach`](crate::Client::attach).
pub trait Outlet<M>: Send + Sync {
    /// Takes messages in their order, and returns how many; of what it does not take the client's task is told.
    ///
    /// Called by the hub's loop, so it must return at once: a non-blocking write, nothing more. It is never called while
    /// the client reads by itself, hence a task that finds the client pending may be sure to have written all before.
    fn offer(&self, messages: &[M]) -> usize;
}
