use std::env;
use std::io::Read;
use std::net::SocketAddr;
use std::process::Stdio;

use rest::{Engine, Route};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader, Lines};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::oneshot;

use crate::support::client::Client;
use crate::support::{conf, within};

/// Set in the child process.
const CHILD: &str = "ZEROXIDE_TEST_FEW_DESCRIPTORS";

#[tokio::test]
async fn the_accept_loop_survives_running_out_of_descriptors() {
    if env::var_os(CHILD).is_some() {
        return serve_until_stdin_ends().await;
    }
    // Given a server that may have 40 descriptors open,
    let test = "descriptors::the_accept_loop_survives_running_out_of_descriptors";
    let mut child = Command::new("sh")
        .args(["-c", "ulimit -n 40 && exec \"$0\" --exact \"$1\" --nocapture"])
        .arg(env::current_exe().unwrap())
        .arg(test)
        .env(CHILD, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let addr: SocketAddr = line_after(&mut lines, "serving on ").await.parse().unwrap();

    // when more connections come than that,
    let mut clients = Vec::new();
    for _ in 0..60 {
        clients.push(Client::connect(addr).await);
    }
    line_after(&mut lines, "cannot accept connections").await;

    // then those that it has are served, and new ones are once some have ended.
    assert_eq!(clients[0].get("/").await.body, "Hello!");
    clients.drain(..40);
    for mut client in clients {
        assert_eq!(client.get("/").await.body, "Hello!");
    }
    assert_eq!(Client::connect(addr).await.get("/").await.body, "Hello!");

    drop(child.stdin.take());
    assert!(within("the child ends", child.wait()).await.unwrap().success());
}

/// What the child process does.
async fn serve_until_stdin_ends() {
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(std::io::stderr).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let mut engine = Engine::new(conf());
    engine.add_route(Route::get("/", || async { "Hello!" }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    eprintln!("serving on {}", listener.local_addr().unwrap());

    let (ended, end) = oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        let _ = ended.send(());
    });
    engine.serve(listener, async { end.await.unwrap_or(()) }).await.unwrap();
}

/// Waits for a line with this in it, and returns what follows in that line.
async fn line_after(lines: &mut Lines<BufReader<impl AsyncRead + Unpin>>, what: &str) -> String {
    within(what, async {
        loop {
            let line = lines.next_line().await.unwrap().expect("the child still runs");
            if let Some((_, rest)) = line.split_once(what) {
                return rest.to_owned();
            }
        }
    })
    .await
}
