//! Chromium and a server of ours: compression, and who gets a socket.

use serde_json::json;
use ws::Compression;

use crate::echo::EchoServer;
use crate::page::becomes;
use crate::stage::Stage;

#[tokio::test]
async fn chromium_and_an_echo_of_ours_agree_on_compression_where_it_is_on_and_talk_either_way() {
    let stage = Stage::set().await;
    let said = "Object.assign(window, { heard: [], said: ['', 'short ä', 'long ä '.repeat(5000), 'x'.repeat(60000)] })";
    let talk = "probe = Object.assign(new WebSocket('/echo'), {
        onopen: () => { for (const text of said) probe.send(text); },
        onmessage: (message) => heard.push(message.data) })";
    for is_on in [true, false] {
        let compression = Compression { enabled: is_on, ..Compression::default() };
        let mut server = EchoServer::start(compression).await;
        let page = stage.visit(&server).await;
        page.eval(&format!("void ({said})")).await;
        page.eval(&format!("void (window.{talk})")).await;

        let agreed = server.agreed().await;
        becomes("all is heard", json!(true), || page.eval("JSON.stringify(heard) === JSON.stringify(said)"))
            .await;
        assert_eq!(agreed.starts_with("permessage-deflate"), is_on, "{agreed:?}");
        assert_eq!(page.eval("probe.extensions").await, json!(agreed), "both ends know the same");
        page.close().await;
    }
}

#[tokio::test]
async fn a_page_of_another_origin_does_not_get_a_socket() {
    let stage = Stage::set().await;
    let mut own = EchoServer::start(Compression::default()).await;
    let other = EchoServer::start(Compression::default()).await;
    let page = stage.visit(&other).await;
    let connect = |url: &str| {
        format!(
            "void (window.state = '', window.probe = Object.assign(new WebSocket('ws://{url}/echo'), {{
                onopen: () => state = 'open', onclose: (event) => state = `closed ${{event.code}}` }}))"
        )
    };
    page.eval(&connect(&own.authority)).await;
    becomes("the state", json!("closed 1006"), || page.eval("state")).await;
    page.eval(&connect(&other.authority)).await;
    becomes("the state", json!("open"), || page.eval("state")).await;
    assert!(own.has_agreed_on_nothing(), "no handshake of the page's was accepted");
    page.close().await;
}
