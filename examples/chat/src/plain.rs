//! A client without the protocol, such as a terminal: what it types is a message in the lobby, and what others say is a line.

use ws::{CloseCode, CloseFrame, Codec, Message, Prepared, Text, WebSocket};

use crate::frame::Frame;
use crate::room::Chat;

/// Takes a plain client into the lobby, until it leaves or is too slow.
pub(crate) async fn speak(socket: WebSocket, chat: &Chat) -> Result<(), ws::Error> {
    let mut opening = chat.opening(Some(chat.authorizer().guest()));
    let Ok(mut session) = opening.take(r#"{"type":"connect"}"#).await else {
        return Err(CloseFrame::new(CloseCode::TRY_AGAIN_LATER, "the chat takes nobody in now").into());
    };
    session.commands.take(r#"{"type":"join","topic":"lobby"}"#).await.map_err(ws::Error::peer)?;
    ws::speak_as(socket, session, Plain).await
}

/// Texts in place of the protocol's objects.
struct Plain;

impl Codec<Frame> for Plain {
    /// One line of what is typed. Blank messages are ignored, and binary ones refused.
    fn decode(&self, message: Message) -> Result<Option<Text>, CloseFrame> {
        let Message::Text(text) = message else {
            return Err(CloseFrame::new(CloseCode::UNSUPPORTED, "this chat takes text only"));
        };
        let line = text.trim().replace(['\n', '\r', '\t'], " ");
        let said = || serde_json::json!({ "type": "publish", "topic": "lobby", "data": { "text": line } });
        Ok((!line.is_empty()).then(|| said().to_string().into()))
    }

    fn encode(&self, frame: &Frame) -> Option<Prepared> {
        frame.line()
    }
}
