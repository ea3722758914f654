use crate::close::{CloseCode, CloseFrame};
use crate::message::{Message, Text};
use crate::prepared::Prepared;

/// How a client of the hub's protocol writes what it says, and what it is sent of what it is told.
///
/// `F` is the hub's frame: what is made of a message once, however many receive it. A codec only picks the half of it that its
/// clients take, so a frame holds what all codecs of a hub need, and makes it when it is first asked for. Both methods must
/// be quick: [`encode`](Self::encode) is called in the hub's loop.
///
/// [`speak`](crate::speak()) has the protocol's own, JSON; another one is for [`speak_as`](crate::speak_as()).
///
/// ```
/// use ws::{CloseFrame, Codec, Message, Prepared, Text};
///
/// /// What a terminal types is said in the lobby, and it sees the protocol's objects as they are.
/// struct Terminal;
///
/// impl Codec<Prepared> for Terminal {
///     fn decode(&self, message: Message) -> Result<Option<Text>, CloseFrame> {
///         let Message::Text(said) = message else { return Ok(None) };
///         let said = serde_json::to_string(&*said).unwrap_or_default();
///         Ok(Some(format!(r#"{{"type":"publish","topic":"lobby","data":{said}}}"#).into()))
///     }
///
///     fn encode(&self, frame: &Prepared) -> Option<Prepared> {
///         Some(frame.clone())
///     }
/// }
/// ```
pub trait Codec<F>: Send + Sync + 'static {
    /// The command that a message is, as the protocol's JSON; `None` for one that says nothing.
    ///
    /// # Errors
    ///
    /// How the connection is closed, for a message that the codec does not take.
    fn decode(&self, message: Message) -> Result<Option<Text>, CloseFrame>;

    /// The message that the client is sent of a frame; `None` if it is not told.
    fn encode(&self, frame: &F) -> Option<Prepared>;
}

/// The protocol as it is written down: JSON, one object a text message. Any other message closes with 1003.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Json;

impl<F: Clone + Into<Prepared>> Codec<F> for Json {
    fn decode(&self, message: Message) -> Result<Option<Text>, CloseFrame> {
        match message {
            Message::Text(text) => Ok(Some(text)),
            Message::Binary(_) => Err(CloseFrame::new(CloseCode::UNSUPPORTED, "text only")),
        }
    }

    fn encode(&self, frame: &F) -> Option<Prepared> {
        Some(frame.clone().into())
    }
}
