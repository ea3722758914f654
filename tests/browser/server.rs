//! The chat server as its users start it: the program `chat`, stopped by Ctrl-C.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use serde_json::Value;

use crate::child::Child;

/// A running `chat` on a free port of the loopback.
pub(crate) struct Server {
    child: Option<Child>,
    url: String,
}

impl Server {
    pub(crate) fn start() -> Self {
        let (child, url) = run("0");
        Self { child: Some(child), url }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Ends it as Ctrl-C does, with the browsers still connected.
    pub(crate) fn stop(&mut self) {
        let status = self.child.take().expect("the server runs").interrupt();
        assert!(status.success(), "the server ended with {status}");
    }

    /// Starts it where it was.
    pub(crate) fn start_again(&mut self) {
        let port = self.url.trim_end_matches('/').rsplit(':').next().expect("a URL with a port");
        let (child, url) = run(port);
        assert_eq!(url, self.url);
        self.child = Some(child);
    }
}

fn run(port: &str) -> (Child, String) {
    let mut child = Child::spawn(Command::new(&*CHAT).args(["--port", port]));
    let url = child.announced(|line| {
        let url = &line[line.find("http://")?..];
        let end = url.find(|c: char| c.is_whitespace() || c.is_control());
        Some(url[..end.unwrap_or(url.len())].to_owned())
    });
    (child, url)
}

/// The program, built once for all tests.
static CHAT: LazyLock<PathBuf> = LazyLock::new(|| {
    let build = Command::new(env!("CARGO"))
        .args(["build", "--package", "chat"])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo can be run");
    assert!(build.status.success(), "`cargo build --package chat` ended with {}", build.status);
    String::from_utf8_lossy(&build.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find_map(|message| Some(PathBuf::from(message.get("executable")?.as_str()?)))
        .expect("cargo names the executable")
});
