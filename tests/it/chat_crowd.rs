//! A crowd in one room of the chat, who all hear all of it.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::client::Client;
use crate::member::Member;
use crate::program::{Program, command};

const MEMBERS: usize = 1000;
/// Fifty messages a second together, each no faster than a person may talk.
const TALKERS: usize = 10;
const BETWEEN: Duration = Duration::from_millis(200);
/// Of each talker: four seconds.
const MESSAGES: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_members_hear_fifty_messages_a_second_and_none_is_lost() {
    let mut chat = command("chat");
    chat.env("ZEROXIDE__WS__MAXCONNECTIONSPERIP", MEMBERS.to_string());
    // Of a thousand people who come, each would hear from each; that is another test's, and would take most of the time.
    chat.env("ZEROXIDE__HUB__PRESENCE__ENABLED", "false");
    let chat = Program::start(&mut chat).await;
    let (all_are_in, begin) = watch::channel(false);
    // Each reads as soon as it is in: whoever does not would be given up while the others come.
    let joins = stream::iter(0..MEMBERS).map(|number| {
        let chat = &chat;
        async move { Member::join(chat, &format!("member {number}"), "square").await }
    });
    let lives = joins.buffered(20).enumerate();
    let lives = lives.map(|(number, member)| tokio::spawn(live(member, number, begin.clone())));
    let lives: Vec<_> = lives.collect().await;
    all_are_in.send_replace(true);

    let mut heard = Vec::new();
    for life in lives {
        heard.push(life.await.expect("no member fails"));
    }
    let first: Vec<_> = heard[0].iter().map(|object| message(object)).collect();
    for talker in 0..TALKERS {
        let name = format!("member {talker}");
        let own: Vec<_> =
            first.iter().filter(|(who, _)| *who == name).map(|(_, text)| text.as_str()).collect();
        let said: Vec<_> = (0..MESSAGES).map(|number| format!("message {number}")).collect();
        assert_eq!(own, said, "of {name}");
    }
    // A message is written once, so all have the same bytes: two hundred thousand need not be parsed.
    for (number, others) in heard.iter().enumerate() {
        assert_eq!(others, &heard[0], "member {number} has heard something else, or in another order");
    }
}

/// Hears all that is said, as it comes; says something too, if it is a talker.
async fn live(member: Member, number: usize, mut begin: watch::Receiver<bool>) -> Vec<Utf8Bytes> {
    let mut client = member.into_client();
    let mut ticks = interval(BETWEEN);
    // Whoever was late does not hurry: that would be too fast for the chat.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut to_say = if number < TALKERS { 0..MESSAGES } else { 0..0 };
    let mut heard = Vec::new();
    while heard.len() < TALKERS * MESSAGES {
        tokio::select! {
            frame = client.next() => match frame {
                Some(Ok(Message::Text(object))) => {
                    assert!(object.starts_with(r#"{"type":"message""#), "member {number}: {object}");
                    heard.push(object);
                }
                Some(Ok(Message::Ping(_))) => {}
                other => panic!("member {number} expected a message, got {other:?}"),
            },
            _ = ticks.tick(), if !to_say.is_empty() && *begin.borrow_and_update() => {
                say(&mut client, to_say.next().expect("it is not empty")).await;
            }
        }
    }
    heard
}

/// Without a number, so that only a refusal is answered.
async fn say(client: &mut Client, message: usize) {
    let data = json!({ "text": format!("message {message}") });
    client.say(&json!({ "type": "publish", "topic": "square", "data": data }).to_string()).await;
}

/// Who says what.
fn message(object: &str) -> (String, String) {
    let object: Value = serde_json::from_str(object).expect("an object");
    let part = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (part(&object["from"]["info"]["name"]), part(&object["data"]["text"]))
}
