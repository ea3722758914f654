use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hub::Outlet;
use hub::protocol::{Authorizer, Commands, End, EndCode, Frames, Opening, Session, Spoken, Turned};

use crate::close::{CloseCode, CloseFrame};
use crate::deflate::Deflater;
use crate::error::{Error, Kind};
use crate::message::{Message, Text};
use crate::outbox::Outbox;
use crate::prepared::Prepared;
use crate::reader::Reader;
use crate::socket::WebSocket;
use crate::source::{Source, drain, write_pump};
use crate::writer::Writer;

/// Speaks the hub's client protocol on a socket until either side ends: rooms, presence, history, receipts.
///
/// The protocol is that of `docs/PROTOCOL.md`; its name, to be offered to the upgrader, is
/// [`SUBPROTOCOL`](hub::protocol::SUBPROTOCOL). It takes text messages. It ends with `Ok` when the socket's client closes, and
/// with an error, whose close frame the session sends, when
///
/// - the hub or the protocol ends the client: an `end` object, then the code that goes with it;
/// - the engine stops: what was said before, an `end` with `draining`, then 1001. So it is with 1012 when the socket has lived
///   for [`MaxLifetime`](crate::WsConf::max_lifetime);
/// - a message is not text: 1003;
/// - the socket fails: see [`Error`].
///
/// A client that closes with 1000 or 1001 has left: others are told at once. One that is cut off may return for a while before
/// they are. Until it has said `connect`, [`FirstMessageTimeout`](crate::WsConf::first_message_timeout) and
/// [`IdleTimeout`](crate::WsConf::idle_timeout) say how long it may stay.
///
/// ```
/// use hub::protocol::{Anyone, Publication, Server};
/// use rest::extract::State;
/// use ws::{Error, Prepared, WebSocket};
///
/// type Chat = Server<Publication<Prepared>, Anyone>;
///
/// async fn chat(socket: WebSocket, State(chat): State<Chat>) -> Result<(), Error> {
///     ws::speak(socket, chat.opening(None)).await
/// }
/// # let _: rest::Route<Chat> = ws::route("/ws", chat);
/// ```
///
/// # Errors
///
/// How the connection ended.
pub async fn speak<M, A>(socket: WebSocket, opening: Opening<M, A>) -> Result<(), Error>
where
    M: Spoken<Frame: Into<Prepared>>,
    A: Authorizer<M>,
{
    let (mut reader, mut writer) = socket.split();
    let Some(session) = open(&mut reader, &mut writer, opening).await? else { return Ok(()) };
    let Session { answer, mut commands, mut frames, .. } = session;
    writer.feed(answer)?;
    frames.attach(Arc::new(Mouth(writer.outbox().clone())));
    let stop = tokio::select! {
        stop = listen(&mut reader, &mut commands) => stop,
        stop = write_pump(&mut writer, &mut frames) => stop,
    };
    match stop {
        Ok(()) => {
            let goodbye = [CloseCode::NORMAL, CloseCode::GOING_AWAY];
            if reader.close_frame().is_some_and(|frame| goodbye.contains(&frame.code())) {
                frames.close();
            }
            Ok(())
        }
        Err(Stop::Ended(end)) => Err(say(&mut writer, &end)),
        Err(Stop::Failed(error)) if matches!(error.kind(), Kind::Stopping | Kind::Aged) => {
            match drain(&mut writer, &mut frames).await {
                Ok(()) => {
                    let retry_after = Duration::from_millis(fastrand::u64(0..SPREAD_MS));
                    let end = End::new(EndCode::Draining, error.to_string()).retry_after(retry_after);
                    writer.feed(end.to_json())?;
                    Err(error)
                }
                Err(Stop::Ended(end)) => Err(say(&mut writer, &end)),
                Err(Stop::Failed(error)) => Err(error),
            }
        }
        Err(Stop::Failed(error)) => Err(error),
    }
}

/// Why speaking stops, other than by the peer's close.
pub(crate) enum Stop {
    /// The hub or the protocol wants the end.
    Ended(End),
    /// The socket does, or its engine.
    Failed(Error),
}

/// Hears the client out until it has said who it is. `None` if it closes before.
async fn open<M, A>(
    reader: &mut Reader,
    writer: &mut Writer,
    mut opening: Opening<M, A>,
) -> Result<Option<Session<M, A>>, Error>
where
    M: Spoken,
    A: Authorizer<M>,
{
    while let Some(message) = reader.recv().await? {
        let Turned { answer, end, .. } = match opening.take(&text(message)?).await {
            Ok(session) => return Ok(Some(session)),
            Err(turned) => turned,
        };
        writer.send(answer).await?;
        if let Some(end) = end {
            return Err(say(writer, &end));
        }
    }
    Ok(None)
}

/// Takes what the client says. Ends with `Ok` when it closes.
async fn listen<M, A>(reader: &mut Reader, commands: &mut Commands<M, A>) -> Result<(), Stop>
where
    M: Spoken,
    A: Authorizer<M>,
{
    while let Some(message) = reader.recv().await? {
        commands.take(&text(message)?).await.map_err(Stop::Ended)?;
    }
    Ok(())
}

fn text(message: Message) -> Result<Text, Error> {
    match message {
        Message::Text(text) => Ok(text),
        _ => Err(CloseFrame::new(CloseCode::UNSUPPORTED, "text only").into()),
    }
}

/// Queues what says that it ends, before the close, and makes the close of it.
fn say(writer: &mut Writer, end: &End) -> Error {
    // A socket that takes nothing is closing anyway.
    let _ = writer.feed(end.to_json());
    match end.code() {
        EndCode::TooSlow => Kind::TooSlow(end.message().to_owned()).into(),
        code => CloseFrame::new(CloseCode(code.close_code()), end.message()).into(),
    }
}

impl<M: Spoken<Frame: Into<Prepared>>> Source for Frames<M> {
    type End = Stop;

    fn poll_frames(
        &mut self,
        cx: &mut Context<'_>,
        frames: &mut Vec<Prepared>,
        limit: usize,
    ) -> Poll<Result<(), Stop>> {
        self.poll_frames(cx, frames, limit).map_err(Stop::Ended)
    }

    fn poll_given_up(&mut self, cx: &mut Context<'_>) -> Poll<Stop> {
        self.poll_end(cx).map(Stop::Ended)
    }
}

/// The way from the hub's loop into the socket, while the socket takes everything at once.
struct Mouth(Arc<Outbox>);

impl<M: Spoken<Frame: Into<Prepared>>> Outlet<M> for Mouth {
    fn offer(&self, first: u64, messages: &[M]) -> usize {
        let Self(outbox) = self;
        if outbox.deflater().is_some_and(Deflater::has_takeover) {
            return 0; // it is the writer's, which has the history and the time
        }
        let prepared =
            (first..).zip(messages).map(|(offset, message)| message.publication().frame(Some(offset)).into());
        let frames = prepared.map(|message: Prepared| outbox.frame(&message));
        if outbox.try_write(frames) { messages.len() } else { 0 }
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Over how long clients of a server that stops are asked to spread their return.
const SPREAD_MS: u64 = 5000;
