//! The examples as their users run them: each a program of its own, ended by a signal.

use std::collections::HashMap;
use std::env;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
#[cfg(unix)]
use std::process::ExitStatus;
use std::process::{Output, Stdio};
use std::sync::LazyLock;
use std::thread;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::deadline::within;
use crate::folder::Folder;

/// A running example on a free port of the loopback. It is killed on drop, and what it logged is shown if a test fails.
pub(crate) struct Program {
    child: Child,
    announcement: String,
    log: watch::Receiver<String>,
}

impl Program {
    /// Starts `chat` with its built-in config, but for how fast one may talk: people do not talk as fast as tests.
    pub(crate) async fn chat() -> Self {
        Self::start(command("chat").env("ZEROXIDE__PROTOCOL__PERUSER__MESSAGES__RATE", "0")).await
    }

    /// Starts `chat` with its built-in config and nothing else.
    pub(crate) async fn chat_as_it_is() -> Self {
        Self::start(&mut command("chat")).await
    }

    /// Starts `chat` with a config of this content.
    pub(crate) async fn chat_with(config: &str) -> Self {
        let folder = Folder::new();
        let path = folder.file("chat.yaml", config);
        Self::start(command("chat").arg("--config").arg(path)).await
    }

    /// Starts a program on a free port, and waits until it says where it listens.
    pub(crate) async fn start(command: &mut Command) -> Self {
        Self::announced(command.args(["--port", "0"])).await
    }

    /// Starts a step of the tutorial on free ports.
    pub(crate) async fn step(command: &mut Command) -> Self {
        Self::announced(command.env("ZEROXIDE__PORT", "0").env("ZEROXIDE__DEVSERVER__PORT", "0")).await
    }

    async fn announced(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the program can be run");
        let log = gathered(child.stderr.take().expect("it is piped"));
        let mut output = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let line = within("the announcement", output.next_line()).await.expect("the output is text");
        let announcement = line.unwrap_or_else(|| panic!("it ended at once: {}", *log.borrow()));
        Self { child, announcement, log }
    }

    /// The line that it printed when it was ready.
    pub(crate) fn announcement(&self) -> &str {
        &self.announcement
    }

    /// Where it listens, by the port of its announcement.
    pub(crate) fn addr(&self) -> SocketAddr {
        let (_, end) = self.announcement.rsplit_once(':').expect("it announces a URL with a port");
        let port = end.split('/').next().and_then(|port| port.parse().ok()).expect("the port is a number");
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    /// The URL of a WebSocket route of it.
    pub(crate) fn ws_url(&self, path: &str) -> String {
        format!("ws://localhost:{}{path}", self.addr().port())
    }

    /// Waits until something is in what it logged.
    pub(crate) async fn logs(&mut self, text: &str) {
        let logged = self.log.wait_for(|log| log.contains(text));
        let _ = within(&format!("{text:?} in the log"), logged).await.expect("it still runs");
    }

    /// All that it logged, once it has ended.
    #[cfg(unix)]
    pub(crate) async fn whole_log(&mut self) -> String {
        within("the log's end", async { while self.log.changed().await.is_ok() {} }).await;
        self.log.borrow().clone()
    }

    /// Sends a signal, such as `TERM`. By a shell, whose `kill` is built in: the standard library has none.
    #[cfg(unix)]
    pub(crate) async fn signal(&self, name: &str) {
        self.signals(&[name]).await;
    }

    /// Sends signals one right after the other.
    #[cfg(unix)]
    pub(crate) async fn signals(&self, names: &[&str]) {
        let process = self.child.id().expect("it still runs").to_string();
        let mut kill = Command::new("sh");
        kill.args(["-c", "for name; do kill -s \"$name\" \"$0\"; done", &process]).args(names);
        let status = kill.status().await.expect("there is a shell");
        assert!(status.success(), "the signal could not be sent");
    }

    /// Whether it has not ended yet.
    #[cfg(unix)]
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_none()
    }

    /// Waits for its end.
    #[cfg(unix)]
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        within("the program's end", self.child.wait()).await.expect("it is our child")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.start_kill();
        if thread::panicking() {
            eprintln!("{}\n{}", self.announcement, *self.log.borrow());
        }
    }
}

/// Runs a program that is expected to end by itself.
pub(crate) async fn output(command: &mut Command) -> Output {
    let run = command.stdin(Stdio::null()).kill_on_drop(true).output();
    within("the program's end", run).await.expect("the program can be run")
}

/// An example, with nothing in its environment that changes what it does.
pub(crate) fn command(name: &str) -> Command {
    let mut command = Command::new(&EXAMPLES[name]);
    for (variable, _) in env::vars_os() {
        if variable.to_string_lossy().to_ascii_uppercase().starts_with("ZEROXIDE__") {
            command.env_remove(variable);
        }
    }
    command.env_remove("RUST_LOG").env("NO_COLOR", "1");
    command
}

/// Reads to the end, as a child whose output nobody takes would stop at a full pipe.
fn gathered(stream: impl AsyncRead + Send + Unpin + 'static) -> watch::Receiver<String> {
    let (sender, log) = watch::channel(String::new());
    // Ends with the child, which ends with its `Program`.
    tokio::spawn(async move {
        let mut lines = BufReader::new(stream).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            sender.send_modify(|log| log.extend([&line, "\n"]));
        }
    });
    log
}

/// The cargo that runs the tests, in a folder, without what it tells them of their own package: `ring`'s build script would take
/// that for a change, so that much would be built again, and once more by the next plain `cargo build`.
pub(crate) fn cargo(folder: impl AsRef<Path>) -> std::process::Command {
    let mut command = std::process::Command::new(env!("CARGO"));
    command.current_dir(folder);
    let ours = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_str().is_some_and(ours)) {
        command.env_remove(name);
    }
    command
}

/// What is run here.
const PACKAGES: [&str; 14] = [
    "chat",
    "hello",
    "json-api",
    "middleware",
    "sse",
    "ws-echo",
    "ws-client",
    "tutorial-1-hello",
    "tutorial-2-echo",
    "tutorial-3-hub",
    "tutorial-4-rooms",
    "tutorial-5-history",
    "tutorial-6-limits",
    "tutorial-7-production",
];

/// Built once for all tests.
static EXAMPLES: LazyLock<HashMap<String, PathBuf>> = LazyLock::new(|| {
    let build = cargo(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .arg("build")
        .args(PACKAGES.iter().flat_map(|package| ["--package", package]))
        .args(["--message-format", "json-render-diagnostics"])
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo can be run");
    assert!(build.status.success(), "`cargo build` of the examples ended with {}", build.status);
    let executable = |line: &str| {
        let message: Value = serde_json::from_str(line).ok()?;
        let name = message["target"]["name"].as_str()?.to_owned();
        Some((name, PathBuf::from(message["executable"].as_str()?)))
    };
    String::from_utf8_lossy(&build.stdout).lines().filter_map(executable).collect()
});
