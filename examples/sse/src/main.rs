//! A news ticker: who listens reads what is posted, and who was away gets what it has missed.
//!
//! Run it with `cargo run -p sse`, then listen with `curl -N localhost:8888/events`, and post from elsewhere with
//! `curl localhost:8888/news -d 'It rains'`. In a browser's console, `new EventSource("/events").onmessage = console.log` comes
//! back by itself after a break, and says which news it had last.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;

use clap::Parser;
use futures_util::{Stream, StreamExt, stream};
use hub::{Client, Epoch, HistoryConf, Hub, HubConf, Identity, Join, Position, TopicConf};
use rest::extract::State;
use rest::sse::{Event, LastEventId, Sse};
use rest::{Engine, Error, RestConf, Route, StatusCode};

#[derive(Parser)]
struct Args {
    /// The port to listen on
    #[arg(long, default_value_t = 8888)]
    port: u16,
}

type News = Hub<Arc<str>>;

const TOPIC: &str = "news";

#[tokio::main]
async fn main() -> Result<(), Box<dyn StdError>> {
    tracing_subscriber::fmt().with_writer(io::stderr).init();
    let args = Args::parse();
    let history = HistoryConf { max_messages: 100, ..HistoryConf::default() };
    let hub =
        Hub::spawn(HubConf { topic: TopicConf { history, ..TopicConf::default() }, ..HubConf::default() });
    let conf = RestConf { host: "localhost".to_owned(), port: args.port, ..RestConf::default() };
    let mut engine = Engine::with_state(conf, hub.clone());
    engine.add_route(Route::sse("/events", events)).add_route(Route::post("/news", post));

    let server = engine.bind().await?;
    println!("news on {}/events", server.url());
    server.start().await?;
    hub.close().await;
    Ok(())
}

/// Publishes a text.
async fn post(State(hub): State<News>, text: String) -> Result<StatusCode, Error> {
    if text.trim().is_empty() {
        return Err(Error::new(StatusCode::BAD_REQUEST, "there is nothing in it"));
    }
    hub.publish(TOPIC, Arc::from(text)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends a listener the last news, or all since the one that it had last, and then what comes.
async fn events(
    State(hub): State<News>,
    LastEventId(last): LastEventId,
) -> Result<Sse<impl Stream<Item = Event>>, Error> {
    let last = last.as_deref().and_then(position);
    let join = last.map_or(Join::new().history(10), |last| Join::new().since(last));
    let mut client = hub.connect(Identity::default()).await?;
    let joined = client.join(TOPIC, join).await?;
    let is_lost = last.is_some() && !joined.recovered;
    let gap = is_lost.then(|| Event::new("some news are lost").name("gap"));
    Ok(Sse::new(stream::iter(gap).chain(stream::unfold((client, joined.position.epoch), next))))
}

/// The next event of a listener; none when it is too slow, after which it comes back, or when the hub is closed.
async fn next((mut client, epoch): (Client<Arc<str>>, Epoch)) -> Option<(Event, (Client<Arc<str>>, Epoch))> {
    loop {
        if let hub::Event::Message { offset, message, .. } = client.next_event().await.ok()?? {
            let event = Event::new(&*message).id(format!("{epoch}-{offset}"));
            return Some((event, (client, epoch)));
        }
    }
}

/// Reads an event's id.
fn position(id: &str) -> Option<Position> {
    let (epoch, offset) = id.split_once('-')?;
    Some(Position { epoch: Epoch::parse(epoch)?, offset: offset.parse().ok()? })
}
