//! The short way to a client: from the loop into its socket.

/// Takes messages without waiting, for a client that keeps up.
///
/// The loop offers what is new to one outlet after another, so that no task is woken and nothing is queued for those who
/// can take it at once. See [`Client::attach`](crate::Client::attach).
pub trait Outlet<M>: Send + Sync {
    /// Takes messages in their order, and returns how many; of what it does not take the client's task is told.
    ///
    /// `first` is the offset of the first, the others follow without a gap. All are of one topic, and no messages of this topic
    /// are with the client's task at that time; those of its other topics may be.
    ///
    /// Called by the hub's loops, so it must return at once: a non-blocking write, nothing more.
    fn offer(&self, first: u64, messages: &[M]) -> usize;
}
