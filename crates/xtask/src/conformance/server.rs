//! The server under attack: `ws-echo` on a free port.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use super::suite::Suite;
use crate::run::{Child, cargo};

/// What the reports call it.
pub(super) const NAME: &str = "ws-echo";

/// From its start until it says where it listens. It was built before.
const START: Duration = Duration::from_secs(30);

/// The running server, ended on drop.
pub(super) struct Server {
    child: Child,
    url: String,
    log: PathBuf,
}

impl Server {
    /// Starts it and waits until it listens.
    pub(super) fn start(suite: &Suite, log: &Path, deadline: Instant) -> Result<Self, String> {
        let failed = |e| format!("cannot start {NAME}: {e}");
        let file = File::create(log).map_err(failed)?;
        // Cargo knows where it built the program, and becomes it.
        let echo = cargo("run --quiet --release --package ws-echo -- --port 0");
        let mut command = suite.leashed(&echo);
        command.stdin(Stdio::null()).stdout(file.try_clone().map_err(failed)?).stderr(file);
        let child = Child::spawn(&mut command).map_err(failed)?;
        let mut server = Self { child, url: String::new(), log: log.to_owned() };

        let deadline = deadline.min(Instant::now() + START);
        while Instant::now() < deadline {
            server.check()?;
            if let Some(url) = announced(&fs::read_to_string(log).unwrap_or_default()) {
                server.url = url.to_owned();
                return Ok(server);
            }
            thread::sleep(Duration::from_millis(20));
        }
        Err(format!("{NAME} does not say where it listens; its log is {}", log.display()))
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Fails once it has ended, which it should not on its own.
    pub(super) fn check(&mut self) -> Result<(), String> {
        match self.child.ended() {
            None => Ok(()),
            Some(status) => Err(format!("{NAME} ended with {status}; its log is {}", self.log.display())),
        }
    }
}

/// The URL in the line that it prints once it listens, when that line is complete.
fn announced(log: &str) -> Option<&str> {
    let complete = &log[..=log.rfind('\n')?];
    complete.lines().find_map(|line| line.strip_prefix("echo on "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_is_found_between_lines_of_the_log() {
        let log = "INFO starting\necho on ws://localhost:4711/echo\nINFO more\n";
        assert_eq!(announced(log), Some("ws://localhost:4711/echo"));
    }

    #[test]
    fn half_a_line_is_no_announcement() {
        for log in ["", "echo on ws://localhost:47", "INFO\necho on ws://localhost:47"] {
            assert_eq!(announced(log), None, "{log:?}");
        }
    }
}
