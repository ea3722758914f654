//! WebSocket clients and servers of other languages, `tests/foreign/client.*` and `server.*`, as children that a test works.
//!
//! `cargo xtask test` sets them up and says where they are. Where they are not, a test does without and a line says so.

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::Stdio;
use std::sync::LazyLock;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::deadline::within;

/// A client in a process of its own, killed on drop.
pub(crate) struct Foreigner {
    pub(crate) name: &'static str,
    commands: ChildStdin,
    events: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

impl Foreigner {
    /// Connects one of each kind that this machine has.
    pub(crate) async fn connect_all(url: &str) -> Vec<Self> {
        let mut all = Vec::new();
        for kind in &*KINDS {
            all.push(Self::connect(kind.name, kind.command("client").arg(url)).await);
        }
        all
    }

    /// The same, with compression as told; the head comments list the ways.
    pub(crate) async fn connect_all_with(url: &str, compression: &str) -> Vec<Self> {
        let mut all = Vec::new();
        for kind in &*KINDS {
            let mut command = kind.command("client");
            command.env("COMPRESSION", compression).arg(url);
            all.push(Self::connect(kind.name, &mut command).await);
        }
        all
    }

    async fn connect(name: &'static str, command: &mut Command) -> Self {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn();
        let mut child = child.unwrap_or_else(|e| panic!("{name} cannot be run: {e}"));
        let commands = child.stdin.take().expect("it is piped");
        let events = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let mut this = Self { name, commands, events, _child: child };
        assert_eq!(this.event().await, "open", "{name}");
        this
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.order(&format!("send {}", serde_json::json!(text))).await;
    }

    /// Gives a command; the client's head comment lists them.
    pub(crate) async fn order(&mut self, command: &str) {
        let line = format!("{command}\n");
        self.commands.write_all(line.as_bytes()).await.unwrap_or_else(|e| panic!("{}: {e}", self.name));
    }

    /// The next event; the client's head comment lists them.
    pub(crate) async fn event(&mut self) -> String {
        let line = within(&format!("an event of {}", self.name), self.events.next_line()).await;
        line.expect("events are text").unwrap_or_else(|| panic!("{} has ended", self.name))
    }

    /// The next message, which must be a text.
    pub(crate) async fn hears(&mut self) -> String {
        let event = self.event().await;
        let text = event.strip_prefix("text ").and_then(|text| serde_json::from_str(text).ok());
        text.unwrap_or_else(|| panic!("{} expected a text, got {event:?}", self.name))
    }

    pub(crate) async fn hears_many(&mut self, count: usize) -> Vec<String> {
        let mut texts = Vec::new();
        while texts.len() < count {
            texts.push(self.hears().await);
        }
        texts
    }
}

/// A server in a process of its own, killed on drop.
pub(crate) struct ForeignServer {
    pub(crate) name: &'static str,
    pub(crate) url: String,
    events: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

impl ForeignServer {
    /// Starts one of each kind that this machine has; the head comments list the ways to compress.
    pub(crate) async fn start_all(compression: &str) -> Vec<Self> {
        let mut all = Vec::new();
        for kind in &*KINDS {
            all.push(Self::start(kind.name, kind.command("server").arg(compression)).await);
        }
        all
    }

    async fn start(name: &'static str, command: &mut Command) -> Self {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn();
        let mut child = child.unwrap_or_else(|e| panic!("{name} cannot be run: {e}"));
        let events = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let mut this = Self { name, url: String::new(), events, _child: child };
        let event = this.event().await;
        let port = event.strip_prefix("listening ").unwrap_or_else(|| panic!("{name} says {event:?}"));
        this.url = format!("ws://127.0.0.1:{port}");
        this
    }

    /// The next event; the server's head comment lists them.
    pub(crate) async fn event(&mut self) -> String {
        let line = within(&format!("an event of {}", self.name), self.events.next_line()).await;
        line.expect("events are text").unwrap_or_else(|| panic!("{} has ended", self.name))
    }
}

/// A kind of client and server that this machine has.
struct Kind {
    name: &'static str,
    interpreter: OsString,
    /// The extension of its scripts.
    extension: &'static str,
    /// Where the packages are, if the interpreter does not know.
    packages: Option<OsString>,
}

impl Kind {
    fn command(&self, script: &str) -> Command {
        let mut command = Command::new(&self.interpreter);
        let script = Path::new(script).with_extension(self.extension);
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("foreign").join(script));
        if let Some(packages) = &self.packages {
            command.env("NODE_PATH", packages);
        }
        command
    }
}

/// Looked for once, and so a line about what is absent comes once.
static KINDS: LazyLock<Vec<Kind>> = LazyLock::new(|| {
    let node = told("npm's ws", "ZEROXIDE_NODE_MODULES").map(|modules| Kind {
        name: "npm's ws",
        interpreter: "node".into(),
        extension: "cjs",
        packages: Some(modules),
    });
    let python = told("Python's websockets", "ZEROXIDE_PYTHON").map(|python| Kind {
        name: "Python's websockets",
        interpreter: python,
        extension: "py",
        packages: None,
    });
    node.into_iter().chain(python).collect()
});

fn told(name: &str, variable: &str) -> Option<OsString> {
    let value = env::var_os(variable);
    if value.is_none() {
        // Not by `eprintln`, which a test that passes does not show.
        let _ = writeln!(io::stderr(), "tests do without {name}, as {variable} is not set");
    }
    value
}
