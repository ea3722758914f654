//! An authorizer that takes its time, or fails, and what clients say of themselves that is not so.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use hub::protocol::{Authorizer, Permit, Publication, Refusal, Server, Session};
use hub::{Hub, HubConf, Identity, TopicName, UserId};
use tokio::sync::Notify;
use tokio::time;

type Message = Publication<String>;

/// Lets into the lobby when it is told to, and panics at the cellar.
#[derive(Clone, Default)]
struct Judge {
    asked: Arc<Notify>,
    permitted: Arc<Notify>,
}

impl Authorizer<Message> for Judge {
    async fn join(&self, _who: &Identity, topic: &TopicName) -> Result<Permit, Refusal> {
        assert_ne!(topic.as_str(), "cellar", "on purpose");
        self.asked.notify_one();
        self.permitted.notified().await;
        Ok(Permit::new())
    }
}

async fn connect(server: &Server<Message, Judge>, text: &str) -> Session<Message, Judge> {
    let identity = Identity::user(UserId::new("ann").expect("a name"));
    match server.opening(Some(identity)).take(text).await {
        Ok(session) => session,
        Err(turned) => panic!("{}", turned.answer),
    }
}

const CONNECT: &str = r#"{"type":"connect"}"#;

#[tokio::test(start_paused = true)]
async fn who_is_kicked_while_a_join_is_judged_is_in_no_room() {
    let judge = Judge::default();
    let server = Server::new(Hub::spawn(HubConf::default()), judge.clone());
    let Session { mut commands, mut frames, .. } = connect(&server, CONNECT).await;
    let join = commands.take(r#"{"type":"join","topic":"lobby","id":1}"#);
    let kick = async {
        judge.asked.notified().await;
        assert_eq!(server.hub().kick(UserId::new("ann").unwrap()).await, Ok(1));
        judge.permitted.notify_one();
    };
    let (_, ()) = tokio::join!(join, kick);
    let end = frames.next().await.expect("it is told").expect_err("that it ends");
    assert!(end.to_json().contains(r#""code":"kicked""#), "{}", end.to_json());
    drop((commands, frames));
    time::sleep(Duration::from_secs(60)).await;
    let stats = server.hub().stats();
    assert_eq!((stats.clients, stats.members, stats.topics), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_authorizer_is_its_clients_alone() {
    let judge = Judge::default();
    judge.permitted.notify_one();
    let server = Server::new(Hub::spawn(HubConf::default()), judge);
    let Session { mut commands, frames, .. } = connect(&server, CONNECT).await;
    let unlucky = tokio::spawn(async move {
        let _frames = frames;
        commands.take(r#"{"type":"join","topic":"cellar","id":1}"#).await
    });
    assert!(unlucky.await.unwrap_err().is_panic());

    let Session { mut commands, mut frames, .. } = connect(&server, CONNECT).await;
    commands.take(r#"{"type":"join","topic":"lobby","id":1}"#).await.unwrap();
    assert!(frames.next().await.unwrap().unwrap().starts_with(r#"{"type":"ok","id":1,"topic":"lobby""#));
    let stats = server.hub().stats();
    assert_eq!((stats.clients, stats.members), (1, 1), "nothing is left of the other");
}

#[tokio::test(start_paused = true)]
async fn a_token_to_resume_with_that_nobody_was_given_says_nothing_and_costs_nothing() {
    let server = Server::new(Hub::spawn(HubConf::default()), Judge::default());
    let first = connect(&server, CONNECT).await;
    let mut frames = first.frames;
    assert_eq!(server.hub().kick(UserId::new("ann").unwrap()).await, Ok(1));
    assert!(frames.next().now_or_never().expect("at once").expect("an end").is_err());
    drop((first.commands, frames));

    let long = "x".repeat(10_000);
    for forged in ["", "0", "null", "\u{1F600}", &first.resume[1..], &*long] {
        let connect_with = format!(r#"{{"type":"connect","resume":"{forged}"}}"#);
        let session = connect(&server, &connect_with).await;
        assert!(!session.answer.contains("previous"), "{forged:.40} is answered by {}", session.answer);
        assert_ne!(session.resume, first.resume);
    }
}
