//! Commands: run, and their end told in words. Also where things are.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{self, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Returns a command of the cargo that runs this chore, at the workspace's root; `line` is split at its spaces.
pub(crate) fn cargo(line: &str) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(line.split(' ')).current_dir(root());
    // What `cargo run` says of this package would tell build scripts that something changed: they would run again,
    // and once more after the next plain `cargo build`.
    let ours = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_str().is_some_and(ours)) {
        command.env_remove(name);
    }
    command
}

/// Runs a command, its output in sight; the error says which one failed and how.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let line = line(command);
    println!("$ {line}");
    match command.stdin(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{line}` ended with {status}")),
        Err(e) => Err(format!("`{line}` cannot be run: {e}")),
    }
}

/// Runs a command as [`run`] does, but kills it at the deadline.
pub(crate) fn run_until(command: &mut Command, deadline: Instant) -> Result<(), String> {
    let line = line(command);
    println!("$ {line}");
    finish_until(command, deadline).map_err(|how| format!("`{line}` {how}"))
}

/// Runs a command without a word, and kills it at the deadline; the error is how it ended, to go after its name.
pub(crate) fn finish_until(command: &mut Command, deadline: Instant) -> Result<(), String> {
    let late = || Err("did not end within the time limit".to_owned());
    if Instant::now() >= deadline {
        return late();
    }
    let mut child = Child::spawn(command.stdin(Stdio::null())).map_err(|e| format!("cannot be run: {e}"))?;
    loop {
        match child.ended() {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(format!("ended with {status}")),
            None if Instant::now() >= deadline => return late(),
            None => thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// A running process, killed on drop.
pub(crate) struct Child(process::Child);

impl Child {
    pub(crate) fn spawn(command: &mut Command) -> io::Result<Self> {
        command.spawn().map(Self)
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().expect("it is our child")
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Fails only if it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether a command can be run and ends well; its output stays out of sight.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    output(command).is_some()
}

/// What a command printed, if it can be run and ended well.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The first of these programs that is on the `PATH`.
pub(crate) fn find(names: &[&str]) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let folders: Vec<PathBuf> = env::split_paths(&path).collect();
    find_in(&folders, names)
}

fn find_in(folders: &[PathBuf], names: &[&str]) -> Option<PathBuf> {
    names.iter().find_map(|name| folders.iter().map(|folder| folder.join(name)).find(|file| file.is_file()))
}

/// The folder that cargo builds into, which is never committed.
pub(crate) fn target() -> PathBuf {
    // Joined, as a relative one means relative to the root, where our commands run.
    root().join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// The workspace's root.
pub(crate) fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).expect("this package lies two folders below the workspace's root")
}

/// A command as one would type it; a program by its name, as nobody types its folder.
fn line(command: &Command) -> String {
    let name = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(name).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_command_is_named_with_its_end() {
        let failure = run(&mut Command::new("false")).unwrap_err();
        assert_eq!(failure, "`false` ended with exit status: 1");
    }

    #[test]
    fn a_command_that_is_not_there_is_named() {
        let failure = run(Command::new("no-such-program").arg("-x")).unwrap_err();
        assert!(failure.starts_with("`no-such-program -x` cannot be run: "), "{failure}");
    }

    #[test]
    fn a_command_is_killed_at_the_deadline() {
        let start = Instant::now();
        let failure = finish_until(Command::new("sleep").arg("60"), start + Duration::from_millis(50));
        assert_eq!(failure, Err("did not end within the time limit".to_owned()));
        assert!(start.elapsed() < Duration::from_secs(30), "it took {:?}", start.elapsed());
    }

    #[test]
    fn a_command_is_not_started_after_the_deadline() {
        let failure = finish_until(&mut Command::new("no-such-program"), Instant::now());
        assert_eq!(failure, Err("did not end within the time limit".to_owned()));
    }

    #[test]
    fn the_earlier_name_wins_whatever_folder_it_is_in() {
        let folders = [root().join("crates/xtask"), root().to_owned()];
        assert_eq!(find_in(&folders, &["rustfmt.toml", "Cargo.toml"]), Some(root().join("rustfmt.toml")));
        assert_eq!(find_in(&folders, &["Cargo.toml"]), Some(folders[0].join("Cargo.toml")));
        assert_eq!(find_in(&folders, &["no-such-file"]), None);
    }
}
