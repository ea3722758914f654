//! What goes through a hub whose clients speak the protocol.

use super::publication::Publication;
use crate::message::Message;

/// A message that has a text in the protocol.
///
/// [`Publication`] is one. An application whose clients do not all speak the protocol has a type of its own, with a
/// `Publication` in it for those who do.
pub trait Spoken: Message {
    /// What the transport takes: `ws::Prepared`, `rest::sse::Event`, or a `String`. Cheap to clone. Where clients come by several
    /// transports, it is a type that becomes what each of them takes, `Into<ws::Prepared>` for instance.
    type Frame: Clone + From<String> + Send + Sync + 'static;

    /// Makes a message of one of the protocol's objects: an answer to one client, or what [`Publication::message`] wrote.
    fn speak(object: Publication<Self::Frame>) -> Self;

    /// What clients that speak the protocol are sent.
    fn publication(&self) -> &Publication<Self::Frame>;
}
