//! The client protocol, spoken with a server in memory.

mod cases;

use std::collections::HashMap;

use futures_util::StreamExt;
use hub::protocol::{Commands, Frames, Opening, Publication, Server, Session, Turned};

use self::cases::{House, Lines};

type Message = Publication<String>;

/// One client's side of the line.
enum Line {
    Opening(Opening<Message, House>),
    Open(Box<(Commands<Message, House>, Frames<Message>)>),
}

struct InMemory {
    server: Server<Message, House>,
    lines: HashMap<String, Line>,
    /// What has been said that the frames do not carry.
    said: HashMap<String, Vec<String>>,
}

impl Lines for InMemory {
    async fn say(&mut self, on: &str, text: &str) {
        let server = &self.server;
        let line = self.lines.entry(on.to_owned()).or_insert_with(|| Line::Opening(server.opening(None)));
        let said = self.said.entry(on.to_owned()).or_default();
        match line {
            Line::Opening(opening) => match opening.take(text).await {
                Ok(Session { answer, commands, frames, .. }) => {
                    said.push(answer);
                    *line = Line::Open(Box::new((commands, frames)));
                }
                Err(Turned { answer, end, .. }) => {
                    said.push(answer);
                    said.extend(end.map(|end| end.to_json()));
                }
            },
            Line::Open(open) => {
                if let Err(end) = open.0.take(text).await {
                    said.push(end.to_json());
                }
            }
        }
    }

    async fn hear(&mut self, on: &str) -> String {
        if let Some(said) = self.said.get_mut(on)
            && !said.is_empty()
        {
            return said.remove(0);
        }
        let Some(Line::Open(open)) = self.lines.get_mut(on) else { panic!("{on} is not connected") };
        match open.1.next().await.expect("no end before") {
            Ok(text) => text,
            Err(end) => {
                self.lines.remove(on);
                end.to_json()
            }
        }
    }

    async fn cut(&mut self, on: &str) {
        self.lines.remove(on).expect("it is connected");
    }

    async fn close(&mut self, on: &str) {
        match self.lines.remove(on) {
            Some(Line::Open(open)) => open.1.close(),
            _ => panic!("{on} is not connected"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_server_answers_as_the_cases_say() {
    cases::play(|server| InMemory { server, lines: HashMap::new(), said: HashMap::new() }).await;
}
