//! Clients that others wrote, in other languages, with our server: what both ends agree on, and that it carries messages.

use ws::Compression;

use crate::deadline::within;
use crate::echo::EchoServer;
use crate::foreign::Foreigner;

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

#[tokio::test]
async fn whatever_a_foreign_client_says_comes_back_compressed_or_not() {
    let long = (0..5000).map(|n| format!("line {n} ä ")).collect::<String>();
    let bytes = (0..=255u8).cycle().take(20_000).map(|byte| format!("{byte:02x}")).collect::<String>();
    for (ours, compression) in compressions() {
        for theirs in ["plain", "small", "takeover"] {
            let is_agreed = compression.enabled && theirs != "plain";
            let mut server = EchoServer::start(compression.clone()).await;
            let url = format!("ws://{}/echo", server.authority);
            for mut client in Foreigner::connect_all_with(&url, theirs).await {
                let what = format!("{} {theirs}, ours {ours}", client.name);
                let agreed = within(&what, server.agreed()).await;
                assert_eq!(agreed.starts_with("permessage-deflate"), is_agreed, "{what}: {agreed:?}");
                let has_takeover = is_agreed && !agreed.contains("server_no_context_takeover");
                let wants_takeover = compression.server_context_takeover && theirs == "takeover";
                assert_eq!(has_takeover, wants_takeover, "{what}: {agreed:?}");
                client.order("extensions").await;
                let known = if is_agreed { "extensions permessage-deflate" } else { "extensions" };
                assert_eq!(client.event().await, known, "{what}");

                for text in ["", "short ä", &long, &long] {
                    client.say(text).await;
                    assert!(client.hears().await == text, "{what}: {} bytes of text", text.len());
                }
                client.order(&format!("binary {bytes}")).await;
                assert!(client.event().await == format!("binary {bytes}"), "{what}");
                client.order("close 4001 enough").await;
                assert_eq!(client.event().await, "closed 4001 enough", "{what}");
            }
            assert!(server.has_agreed_on_nothing(), "one handshake each");
        }
    }
}
