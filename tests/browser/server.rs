//! The chat server as its users start it: the program `chat`, stopped by Ctrl-C.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use serde_json::Value;

use crate::child::Child;

/// A running `chat` on a free port of the loopback, or several of them in one process.
pub(crate) struct Server {
    child: Option<Child>,
    arguments: Vec<String>,
    urls: Vec<String>,
}

impl Server {
    /// One as it comes.
    pub(crate) fn start() -> Self {
        Self::start_with(Vec::new(), 1)
    }

    /// One in which anybody may talk as fast as they like, and come as often.
    pub(crate) fn start_unlimited() -> Self {
        let limits = ["{ Rate: 5, Burst: 10 }", "{ Rate: 3, Burst: 40 }"];
        let config = fs::read_to_string(Path::new(FOLDER).join("examples/chat/etc/chat.yaml"));
        let mut config = config.expect("the chat has a config");
        for limit in limits {
            assert!(config.contains(limit), "the chat's config has no {limit:?} any more");
            config = config.replace(limit, "{ Rate: 0 }");
        }
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("unlimited.yaml");
        fs::write(&path, config).expect("cargo's folder can be written");
        Self::start_with(vec!["--config".to_owned(), path.display().to_string()], 1)
    }

    /// Three that are one.
    pub(crate) fn start_three() -> Self {
        Self::start_with(vec!["--nodes".to_owned(), "3".to_owned()], 3)
    }

    fn start_with(arguments: Vec<String>, count: usize) -> Self {
        let (child, urls) = run("0", &arguments, count);
        Self { child: Some(child), arguments, urls }
    }

    /// The only one's, or the first one's.
    pub(crate) fn url(&self) -> &str {
        &self.urls[0]
    }

    pub(crate) fn urls(&self) -> &[String] {
        &self.urls
    }

    /// Ends it as Ctrl-C does, with the browsers still connected.
    pub(crate) fn stop(&mut self) {
        let status = self.child.take().expect("the server runs").interrupt();
        assert!(status.success(), "the server ended with {status}");
    }

    /// Starts it where it was.
    pub(crate) fn start_again(&mut self) {
        let port = self.url().trim_end_matches('/').rsplit(':').next().expect("a URL with a port");
        let (child, urls) = run(port, &self.arguments, self.urls.len());
        assert_eq!(urls, self.urls);
        self.child = Some(child);
    }
}

/// Returns it with its URLs, of which there are so many.
fn run(port: &str, arguments: &[String], count: usize) -> (Child, Vec<String>) {
    let mut child = Child::spawn(Command::new(&*CHAT).args(["--port", port]).args(arguments));
    let urls = child.announced_often(count, |line| {
        let url = &line[line.find("http://")?..];
        let end = url.find(|c: char| c.is_whitespace() || c.is_control());
        Some(url[..end.unwrap_or(url.len())].to_owned())
    });
    (child, urls)
}

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The program: where `ZEROXIDE_CHAT` says, or built, once for all tests.
static CHAT: LazyLock<PathBuf> = LazyLock::new(|| {
    if let Some(built) = std::env::var_os("ZEROXIDE_CHAT") {
        return built.into();
    }
    let build = Command::new(env!("CARGO"))
        .args(["build", "--package", "chat"])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(FOLDER)
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
