//! A child process that never outlives its test.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::artifacts;

const DEADLINE: Duration = Duration::from_secs(30);

/// A process with its descendants, all killed on drop.
pub(crate) struct Child {
    process: std::process::Child,
    program: String,
}

impl Child {
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let program = command.get_program().display().to_string();
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(artifacts::log())
            // A group of its own, by which its children are found too.
            .process_group(0)
            .spawn()
            .unwrap_or_else(|e| panic!("{program} cannot be run: {e}"));
        Self { process, program }
    }

    /// Waits for the line of its output in which `find` finds something.
    pub(crate) fn announced<T: Send + 'static>(&mut self, find: fn(&str) -> Option<T>) -> T {
        self.announced_often(1, find).pop().expect("it is one")
    }

    /// The same for so many lines.
    pub(crate) fn announced_often<T: Send + 'static>(
        &mut self,
        count: usize,
        find: fn(&str) -> Option<T>,
    ) -> Vec<T> {
        let stdout = self.process.stdout.take().expect("read once only");
        let (found, announcement) = mpsc::channel();
        // It reads on to the end, as a child whose output nobody takes would stop at a full pipe.
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Some(it) = find(&line) {
                    let _ = found.send(it);
                }
            }
        });
        let next = || announcement.recv_timeout(DEADLINE);
        let next = |_| next().unwrap_or_else(|e| panic!("{} did not announce itself: {e}", self.program));
        (0..count).map(next).collect()
    }

    /// Sends what Ctrl-C sends, and waits for the end.
    pub(crate) fn interrupt(mut self) -> ExitStatus {
        signal("INT", &self.process.id().to_string());
        let start = Instant::now();
        while start.elapsed() < DEADLINE {
            if let Some(status) = self.process.try_wait().expect("it is our child") {
                return status;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("{} still runs {DEADLINE:?} after SIGINT", self.program);
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        signal("KILL", &format!("-{}", self.process.id()));
        let _ = self.process.wait();
    }
}

/// Signals a process, or a group if the number is negative. By a shell, whose `kill` is built in: the standard library
/// has none, and neither has every system the program.
fn signal(name: &str, process: &str) {
    let _ = Command::new("sh").args(["-c", "kill -s \"$0\" -- \"$1\" 2>/dev/null", name, process]).status();
}
