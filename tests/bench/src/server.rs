use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::gorilla;

/// A server in a process of its own, killed on drop.
pub(crate) struct Server {
    child: Child,
    pub(crate) addr: SocketAddr,
}

impl Server {
    /// Whether this machine has one of a kind's servers: all but those that are not ours to build.
    pub(crate) fn is_there(which: &str) -> bool {
        which != GORILLA || gorilla::program().is_some()
    }

    /// Starts this program as one of a kind's servers, which has to print its address first of all.
    pub(crate) fn start(kind: &str, which: &str) -> Result<Self, Box<dyn Error>> {
        let mut command = if which == GORILLA {
            Command::new(gorilla::program().ok_or("gorilla is not there")?)
        } else {
            let mut command = Command::new(std::env::current_exe()?);
            command.args(["serve", kind, which]);
            command
        };
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut line)?;
        match line.trim().parse() {
            Ok(addr) => Ok(Self { child, addr }),
            Err(_) => {
                child.kill()?;
                Err(format!("the server {which} does not say where it is, but {line:?}").into())
            }
        }
    }

    /// The CPU time that the process has taken so far, of all its threads that live, its own and the system's.
    ///
    /// # Errors
    ///
    /// There is no `/proc` with it, as on other systems than Linux.
    pub(crate) fn cpu(&self) -> Result<Duration, Box<dyn Error>> {
        let mut nanos = 0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            // In nanoseconds, where /proc/PID/stat counts in steps of 10 ms. A thread may end meanwhile.
            let stat = fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
            nanos += stat.split_whitespace().next().map_or(Ok(0), str::parse::<u64>)?;
        }
        Ok(Duration::from_nanos(nanos))
    }

    /// How many bytes of the machine's memory the process holds.
    ///
    /// # Errors
    ///
    /// There is no `/proc`, as on other systems than Linux.
    pub(crate) fn resident(&self) -> Result<u64, Box<dyn Error>> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails only if it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const GORILLA: &str = "gorilla";
