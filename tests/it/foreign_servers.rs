//! Our client with servers that others wrote, in other languages.

use ws::{CloseCode, CloseFrame, Compression, Dialer, Message, WebSocket, WsConf};

use crate::deadline::within;
use crate::foreign::ForeignServer;

fn dialer(compression: Compression) -> Dialer {
    let conf = WsConf { max_message_bytes: 1 << 20, compression, ..WsConf::default() };
    Dialer::new(conf).subprotocols(["echo.v1", "echo.v0"])
}

/// The ways in which our side can compress.
fn compressions() -> [(&'static str, Compression); 4] {
    let takeover = Compression {
        server_context_takeover: true,
        client_context_takeover: true,
        threshold: 64,
        ..Compression::default()
    };
    [
        ("none", Compression { enabled: false, ..Compression::default() }),
        ("default", Compression::default()),
        ("small windows", Compression { window_bits: 10, ..takeover.clone() }),
        ("takeover", takeover),
    ]
}

async fn hear(socket: &mut WebSocket, what: &str) -> Option<Message> {
    within(what, socket.recv()).await.unwrap_or_else(|error| panic!("{what}: {error}"))
}

#[tokio::test]
async fn whatever_is_said_to_a_foreign_server_comes_back() {
    let long = (0..20_000).map(|n| format!("line {n} ä ")).collect::<String>();
    for theirs in ["plain", "small", "takeover"] {
        for server in ForeignServer::start_all(theirs).await {
            for (ours, compression) in compressions() {
                let what = format!("{} {theirs}, ours {ours}", server.name);
                let compresses = compression.enabled && theirs != "plain";
                let mut socket = dialer(compression).connect(&server.url).await.expect(&what);
                assert_eq!(socket.subprotocol(), Some("echo.v1"), "{what}");

                socket.send("extensions").await.expect(&what);
                let agreed = hear(&mut socket, &what).await;
                let expected = if compresses { "permessage-deflate" } else { "" };
                assert_eq!(agreed, Some(Message::text(expected)), "{what}");
                for message in [
                    Message::text(""),
                    Message::text("short ä"),
                    Message::text(long.as_str()),
                    Message::text(long.as_str()),
                    Message::binary(vec![7; 100_000]),
                    Message::binary((0..=255).cycle().take(70_000).collect::<Vec<_>>()),
                ] {
                    socket.send(message.clone()).await.expect(&what);
                    let heard = hear(&mut socket, &what).await;
                    assert!(heard.as_ref() == Some(&message), "{what}: {} bytes", message.len());
                }
                within(&what, socket.close(CloseFrame::new(CloseCode::NORMAL, ""))).await;
            }
        }
    }
}

#[tokio::test]
async fn a_ping_of_a_foreign_server_is_answered() {
    for server in ForeignServer::start_all("takeover").await {
        let mut socket = dialer(Compression::default()).connect(&server.url).await.expect(server.name);
        socket.send("ping").await.expect(server.name);
        assert_eq!(hear(&mut socket, server.name).await, Some(Message::text("pong")), "{}", server.name);
    }
}

#[tokio::test]
async fn either_side_closes_with_its_code_and_reason() {
    for mut server in ForeignServer::start_all("takeover").await {
        let dialer = dialer(Compression::default());
        let mut socket = dialer.connect(&server.url).await.expect(server.name);
        socket.send("close").await.expect(server.name);
        assert_eq!(hear(&mut socket, server.name).await, None, "{}", server.name);
        let close = socket.close_frame().expect(server.name);
        assert_eq!((close.code().0, close.reason()), (4000, "as told"), "{}", server.name);
        within(server.name, socket.close(CloseFrame::new(CloseCode::NORMAL, ""))).await;
        assert_eq!(server.event().await, "closed 4000 as told", "{}", server.name);

        let socket = dialer.connect(&server.url).await.expect(server.name);
        within(server.name, socket.close(CloseFrame::new(CloseCode(4001), "of my own"))).await;
        assert_eq!(server.event().await, "closed 4001 of my own", "{}", server.name);
    }
}
