//! How the chat starts: by its flags and its config, from any folder, or not at all and with the reason.

use std::net::TcpListener;
use std::path::Path;
use std::process::Output;

use crate::client::Client;
use crate::folder::Folder;
use crate::program::{Program, command, output};
use crate::raw;

#[tokio::test]
async fn the_chat_starts_from_any_folder() {
    let folder = Folder::new();
    let chat = Program::start(command("chat").current_dir(folder.path())).await;

    let expected = format!("chat on http://localhost:{}", chat.addr().port());
    assert_eq!(chat.announcement(), expected);
    assert_eq!(raw::get(chat.addr(), "/").await.status(), "200 OK");
}

#[tokio::test]
async fn a_config_is_found_from_the_folder_where_one_stands() {
    let folder = Folder::new();
    folder.file("own.yaml", "Host: localhost\nPort: 1\nWs: { MaxMessageBytes: 8 }\n");
    let mut chat = command("chat");
    chat.current_dir(folder.path()).args(["--config", "own.yaml"]);

    // The port of the flag wins, which is any free one, over that of the config.
    let chat = Program::start(&mut chat).await;

    let mut ann = Client::connect(chat.addr(), "/ws").await;
    ann.say("12345678").await;
    assert_eq!(ann.hears().await, "12345678");
    ann.say("123456789").await;
    assert_eq!(ann.is_closed().await, (1009, "message is larger than 8 bytes".to_owned()));
}

#[tokio::test]
async fn the_example_s_own_config_is_valid() {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/chat/etc/chat.yaml");
    let chat = Program::start(command("chat").arg("--config").arg(config)).await;
    assert_eq!(raw::get(chat.addr(), "/").await.status(), "200 OK");
}

#[tokio::test]
async fn an_unknown_key_ends_the_start_with_file_and_key() {
    let folder = Folder::new();
    for (name, content, key) in [
        ("engine.yaml", "Hots: localhost\n", "Hots"),
        ("section.yaml", "Hub: { MaxMesages: 5 }\n", "Hub.MaxMesages"),
        ("table.toml", "[Ws]\nPingIntervall = \"5s\"\n", "Ws.PingIntervall"),
    ] {
        let config = folder.file(name, content);
        let end = output(command("chat").args(["--port", "0"]).arg("--config").arg(&config)).await;
        fails_with(&end, &[&config.display().to_string(), key]);
    }
}

#[tokio::test]
async fn a_value_out_of_range_ends_the_start_with_the_range() {
    let folder = Folder::new();
    let config = folder.file("chat.yaml", "Port: 70000\n");
    let end = output(command("chat").arg("--config").arg(&config)).await;
    fails_with(&end, &[&config.display().to_string(), "Port", "0 to 65535"]);
}

#[tokio::test]
async fn a_config_that_is_not_there_is_named() {
    let end = output(command("chat").args(["--config", "no-such.yaml"])).await;
    fails_with(&end, &["no-such.yaml"]);
}

#[tokio::test]
async fn a_port_in_use_ends_the_start_with_the_address() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let folder = Folder::new();
    // An address, as a name may have another one on which the port is free.
    let config = folder.file("chat.yaml", "Host: 127.0.0.1\n");

    let end = output(command("chat").args(["--port", &port.to_string()]).arg("--config").arg(config)).await;

    fails_with(&end, &[&format!("127.0.0.1:{port}"), "in use"]);
}

/// It failed, and said why in one line to the operator, and nothing to whoever reads its output.
fn fails_with(end: &Output, parts: &[&str]) {
    let said = String::from_utf8_lossy(&end.stderr);
    assert!(!end.status.success(), "it ended with {}: {said}", end.status);
    assert!(end.stdout.is_empty(), "it announced itself: {}", String::from_utf8_lossy(&end.stdout));
    for part in parts {
        assert!(said.contains(part), "{part:?} is not in {said:?}");
    }
    assert_eq!(said.lines().count(), 1, "{said}");
}
