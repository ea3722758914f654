//! What only a developer may do, in `Mode: dev`: let a member stop reading, and stop a node.

use std::future::poll_fn;
use std::time::Duration;

use hub::protocol::Draft;
use hub::{Identity, Join, TopicName};
use rest::extract::{Path, State};
use rest::header::{HeaderMap, ORIGIN};
use rest::{Route, RouteGroup, StatusCode};
use tokio::time::interval;
use ws::{CloseCode, CloseFrame, Upgrader, WebSocket};

use crate::App;
use crate::room::Line;

pub(crate) fn routes(upgrader: Upgrader) -> RouteGroup<App> {
    RouteGroup::new().routes([upgrader.route("/slow/:room", slow), Route::post("/nodes/:port/stop", stop)])
}

/// A member that does not read, in a room where much is said, until the hub gives it up: what its socket is closed with.
///
/// A browser cannot stop reading, as it reads for its pages whether they listen or not. So this end does, in its place.
async fn slow(
    mut socket: WebSocket,
    State(app): State<App>,
    Path(room): Path<String>,
) -> Result<(), ws::Error> {
    let room = TopicName::new(&format!("slow-{room}")).map_err(ws::Error::peer)?;
    let mut member = app.chat.hub().connect(Identity::default()).await.map_err(ws::Error::peer)?;
    member.join(room.clone(), Join::new()).await.map_err(ws::Error::peer)?;
    let mut ticks = interval(TICK);
    for number in 0..MAX_TICKS {
        tokio::select! {
            _ = ticks.tick() => {}
            evicted = poll_fn(|cx| member.poll_evicted(cx)) => {
                return Err(CloseFrame::new(CloseCode::TRY_AGAIN_LATER, evicted.to_string()).into());
            }
            message = socket.recv() => if message?.is_none() { return Ok(()) },
        }
        let tick = serde_json::value::to_raw_value(&number).map_err(ws::Error::peer)?;
        let line = Line::message(&Draft::of_server(&room, &tick));
        app.chat.hub().publish(room.clone(), line).await.map_err(ws::Error::peer)?;
    }
    Err(CloseFrame::new(CloseCode::NORMAL, "it was not given up: its room permits to be that far behind")
        .into())
}

/// Stops a node, as a signal would. Only our own pages may ask for it, and whoever is no page.
async fn stop(State(app): State<App>, Path(port): Path<u16>, headers: HeaderMap) -> StatusCode {
    let origin = headers.get(ORIGIN).map(|origin| origin.to_str().unwrap_or_default());
    if origin.is_some_and(|origin| !app.nodes.are_of(origin, &headers)) {
        return StatusCode::FORBIDDEN;
    }
    let Some(stop) = app.nodes.stop_handle(port) else { return StatusCode::NOT_FOUND };
    // Has no owner, as it outlives this very server; it ends when the other one has stopped.
    tokio::spawn(async move { stop.stop().await });
    StatusCode::ACCEPTED
}

/// Fifty a second, for half a minute at most.
const TICK: Duration = Duration::from_millis(20);
const MAX_TICKS: u32 = 1500;
