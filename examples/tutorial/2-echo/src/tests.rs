use ws::{Message, WsConf};

use super::*;

#[tokio::test]
async fn what_is_said_comes_back() {
    let (mut client, server) = ws::test::pair(WsConf::default(), WsConf::default()).await;
    tokio::spawn(server.run(echo));

    client.send("Hello!").await.unwrap();
    assert_eq!(client.recv().await.unwrap(), Some(Message::text("Hello!")));
}
