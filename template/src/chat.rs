use hub::Hub;
use rest::extract::{Json, State};
use serde::Serialize;
use ws::{CloseCode, CloseFrame, Message, Prepared, WebSocket};

#[derive(Serialize)]
pub(crate) struct Online {
    count: usize,
}

/// Lets a member talk and listen, until it leaves or is too slow.
pub(crate) async fn chat(
    socket: WebSocket,
    State(hub): State<Hub<Prepared>>,
) -> Result<(), ws::Error> {
    let client = hub.register().await.map_err(ws::Error::peer)?;
    ws::pump(socket, client).inbound(line).await
}

/// Tells how many members there are.
pub(crate) async fn online(State(hub): State<Hub<Prepared>>) -> Json<Online> {
    Json(Online { count: hub.len() })
}

/// What becomes of a message: a line for all, nothing if it is blank, the end if it is not text.
fn line(message: Message) -> Result<Option<Prepared>, CloseFrame> {
    let Message::Text(text) = message else {
        return Err(CloseFrame::new(CloseCode::UNSUPPORTED, "text only"));
    };
    let line = text.trim();
    Ok((!line.is_empty()).then(|| Prepared::text(line)))
}

#[cfg(test)]
mod tests {
    use rest::test::Server;

    use super::*;
    use crate::test_engine;

    async fn connect(server: &Server) -> WebSocket {
        ws::connect(format!("ws://{}/ws", server.addr()))
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn everybody_hears_what_one_says() {
        let server = Server::start(test_engine()).await;
        let mut ann = connect(&server).await;
        ann.send("  Is anybody there? ").await.unwrap();
        assert_eq!(
            ann.recv().await.unwrap(),
            Some(Message::text("Is anybody there?"))
        );

        let mut bob = connect(&server).await;
        bob.send("Hello, Ann!").await.unwrap();
        for member in [&mut ann, &mut bob] {
            assert_eq!(
                member.recv().await.unwrap(),
                Some(Message::text("Hello, Ann!"))
            );
        }
        let answer = server.connect().await.get("/online").await;
        assert_eq!(answer.text(), r#"{"count":2}"#);
    }

    #[tokio::test]
    async fn what_is_not_text_is_refused() {
        let server = Server::start(test_engine()).await;
        let mut ann = connect(&server).await;
        ann.send(Message::binary(vec![1, 2])).await.unwrap();
        assert_eq!(ann.recv().await.unwrap(), None);
        assert_eq!(
            ann.close_frame().map(CloseFrame::code),
            Some(CloseCode::UNSUPPORTED)
        );
    }
}
