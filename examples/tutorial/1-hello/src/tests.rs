use rest::test::Client;

use super::*;

#[tokio::test]
async fn everybody_is_greeted_by_name() {
    let mut client = Client::of(engine(RestConf::default()));
    let answer = client.get("/hello/Ann").await;
    assert_eq!(answer.text(), r#"{"message":"Hello, Ann!"}"#);
}

#[tokio::test]
async fn a_path_that_no_route_has_is_not_found() {
    let mut client = Client::of(engine(RestConf::default()));
    assert_eq!(client.get("/goodbye/Ann").await.status, 404);
}
