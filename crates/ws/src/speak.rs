use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hub::Outlet;
use hub::protocol::{Authorizer, Commands, End, EndCode, Frames, Opening, Session, Spoken, Turned};

use crate::close::{CloseCode, CloseFrame};
use crate::codec::{Codec, Json};
use crate::deflate::Deflater;
use crate::error::{Error, Kind};
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
    let Some(session) = open::<M, A>(&mut reader, &mut writer, opening).await? else { return Ok(()) };
    converse(reader, writer, session, Arc::new(Json)).await
}

/// The same for a client that is connected already and has a [codec](Codec) of its own, for instance one that takes and sends
/// plain text.
///
/// # Errors
///
/// Those of [`speak`].
pub async fn speak_as<M, A, C>(socket: WebSocket, session: Session<M, A>, codec: C) -> Result<(), Error>
where
    M: Spoken,
    A: Authorizer<M>,
    C: Codec<M::Frame>,
{
    let (reader, writer) = socket.split();
    converse(reader, writer, session, Arc::new(codec)).await
}

async fn converse<M, A, C>(
    mut reader: Reader,
    mut writer: Writer,
    session: Session<M, A>,
    codec: Arc<C>,
) -> Result<(), Error>
where
    M: Spoken,
    A: Authorizer<M>,
    C: Codec<M::Frame>,
{
    let Session { answer, mut commands, mut frames, .. } = session;
    if let Some(answer) = codec.encode(&answer.into()) {
        writer.feed(answer)?;
    }
    frames.attach(Arc::new(Mouth { outbox: writer.outbox().clone(), codec: codec.clone() }));
    let mut voice = Voice { frames, codec: codec.clone() };
    let stop = tokio::select! {
        stop = listen(&mut reader, &mut commands, &*codec) => stop,
        stop = write_pump(&mut writer, &mut voice) => stop,
    };
    match stop {
        Ok(()) => {
            let goodbye = [CloseCode::NORMAL, CloseCode::GOING_AWAY];
            if reader.close_frame().is_some_and(|frame| goodbye.contains(&frame.code())) {
                voice.frames.close();
            }
            Ok(())
        }
        Err(Stop::Ended(end)) => Err(voice.say(&mut writer, &end)),
        Err(Stop::Failed(error)) if matches!(error.kind(), Kind::Stopping | Kind::Aged) => {
            match drain(&mut writer, &mut voice).await {
                Ok(()) => {
                    let retry_after = Duration::from_millis(fastrand::u64(0..SPREAD_MS));
                    let end = End::new(EndCode::Draining, error.to_string()).retry_after(retry_after);
                    voice.say(&mut writer, &end);
                    Err(error)
                }
                Err(Stop::Ended(end)) => Err(voice.say(&mut writer, &end)),
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
    M: Spoken<Frame: Into<Prepared>>,
    A: Authorizer<M>,
{
    while let Some(message) = reader.recv().await? {
        let Some(command) = Codec::<M::Frame>::decode(&Json, message)? else { continue };
        let Turned { answer, end, .. } = match opening.take(&command).await {
            Ok(session) => return Ok(Some(session)),
            Err(turned) => turned,
        };
        writer.send(answer).await?;
        if let Some(end) = end {
            // A socket that takes nothing is closing anyway.
            let _ = writer.feed(end.to_json());
            return Err(close(&end));
        }
    }
    Ok(None)
}

/// Takes what the client says. Ends with `Ok` when it closes.
async fn listen<M, A, C>(reader: &mut Reader, commands: &mut Commands<M, A>, codec: &C) -> Result<(), Stop>
where
    M: Spoken,
    A: Authorizer<M>,
    C: Codec<M::Frame>,
{
    while let Some(message) = reader.recv().await? {
        if let Some(command) = codec.decode(message).map_err(Error::from)? {
            commands.take(&command).await.map_err(Stop::Ended)?;
        }
    }
    Ok(())
}

/// The close that an end makes.
fn close(end: &End) -> Error {
    match end.code() {
        EndCode::TooSlow => Kind::TooSlow(end.message().to_owned()).into(),
        code => CloseFrame::new(CloseCode(code.close_code()), end.message()).into(),
    }
}

/// What a client is told, in its codec.
struct Voice<M: Spoken, C> {
    frames: Frames<M>,
    codec: Arc<C>,
}

impl<M: Spoken, C: Codec<M::Frame>> Voice<M, C> {
    /// Queues what says that it ends, before the close, and makes the close of it.
    fn say(&self, writer: &mut Writer, end: &End) -> Error {
        if let Some(message) = self.codec.encode(&end.to_json().into()) {
            // A socket that takes nothing is closing anyway.
            let _ = writer.feed(message);
        }
        close(end)
    }
}

impl<M: Spoken, C: Codec<M::Frame>> Source for Voice<M, C> {
    type Item = M::Frame;
    type End = Stop;

    fn poll_items(
        &mut self,
        cx: &mut Context<'_>,
        frames: &mut Vec<M::Frame>,
        limit: usize,
    ) -> Poll<Result<(), Stop>> {
        self.frames.poll_frames(cx, frames, limit).map_err(Stop::Ended)
    }

    fn message(&self, frame: M::Frame) -> Option<Prepared> {
        self.codec.encode(&frame)
    }

    fn poll_given_up(&mut self, cx: &mut Context<'_>) -> Poll<Stop> {
        self.frames.poll_end(cx).map(Stop::Ended)
    }
}

/// The way from the hub's loop into the socket, while the socket takes everything at once.
struct Mouth<C> {
    outbox: Arc<Outbox>,
    codec: Arc<C>,
}

impl<M: Spoken, C: Codec<M::Frame>> Outlet<M> for Mouth<C> {
    fn offer(&self, first: u64, messages: &[M]) -> usize {
        let Self { outbox, codec } = self;
        if outbox.deflater().is_some_and(Deflater::has_takeover) {
            return 0; // it is the writer's, which has the history and the time
        }
        let encoded = (first..)
            .zip(messages)
            .filter_map(|(offset, message)| codec.encode(&message.publication().frame(Some(offset))));
        if outbox.try_write(encoded) { messages.len() } else { 0 }
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Over how long clients of a server that stops are asked to spread their return.
const SPREAD_MS: u64 = 5000;
