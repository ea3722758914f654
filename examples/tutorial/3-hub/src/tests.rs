use rest::test::Server;
use ws::Message;

use super::*;

#[tokio::test]
async fn everybody_hears_what_one_says() {
    let server = Server::start(engine(RestConf::default())).await;
    let url = format!("ws://{}/ws", server.addr());
    let mut ann = ws::connect(&url).await.unwrap();
    ann.send("Is anybody there?").await.unwrap();
    assert_eq!(ann.recv().await.unwrap(), Some(Message::text("Is anybody there?")));

    let mut bob = ws::connect(&url).await.unwrap();
    bob.send("Hello, Ann!").await.unwrap();
    for member in [&mut ann, &mut bob] {
        assert_eq!(member.recv().await.unwrap(), Some(Message::text("Hello, Ann!")));
    }
}
