use rest::extract::{Path, PeerAddr};
use rest::{Engine, Route};

use crate::support::client::Client;
use crate::support::{Running, conf};

async fn running() -> Running {
    let mut engine = Engine::new(conf());
    engine.add_route(Route::get("/echo/:word", |Path(word): Path<String>| async { word }));
    engine.add_route(Route::post("/echo", |body: String| async { body }));
    engine.add_route(Route::get("/peer", |PeerAddr(addr): PeerAddr| async move { addr.to_string() }));
    Running::start(engine).await
}

#[tokio::test]
async fn a_connection_serves_one_request_after_the_other() {
    let running = running().await;
    let mut client = Client::connect(running.addr).await;

    for word in ["one", "two", "three"] {
        assert_eq!(client.get(&format!("/echo/{word}")).await.body, word);
    }
    client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nfour").await;
    assert_eq!(client.reply().await.body, "four");
}

#[tokio::test]
async fn requests_sent_together_are_answered_in_order() {
    let running = running().await;
    let mut client = Client::connect(running.addr).await;
    let words = ["one", "two", "three"];

    client.send(words.map(|word| format!("GET /echo/{word} HTTP/1.1\r\nHost: a\r\n\r\n")).concat()).await;

    for word in words {
        assert_eq!(client.reply().await.body, word);
    }
}

#[tokio::test]
async fn a_client_that_asks_for_the_end_of_the_connection_gets_it() {
    let running = running().await;

    for request in
        ["GET /echo/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "GET /echo/a HTTP/1.0\r\n\r\n"]
    {
        let mut client = Client::connect(running.addr).await;
        client.send(request).await;
        assert_eq!(client.reply().await.body, "a", "{request:?}");
        assert_eq!(client.closed().await, "", "{request:?}");
    }
}

#[tokio::test]
async fn a_handler_learns_the_clients_address() {
    let running = running().await;
    let mut client = Client::connect(running.addr).await;

    assert_eq!(client.get("/peer").await.body, client.addr().to_string());
}
