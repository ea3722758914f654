//! Commands: run, and their end told in words. Also where things are.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Returns a command of the cargo that runs this chore, at the workspace's root; `line` is split at its spaces.
pub(crate) fn cargo(line: &str) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(line.split(' ')).current_dir(root());
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

fn root() -> &'static Path {
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
    fn the_earlier_name_wins_whatever_folder_it_is_in() {
        let folders = [root().join("crates/xtask"), root().to_owned()];
        assert_eq!(find_in(&folders, &["rustfmt.toml", "Cargo.toml"]), Some(root().join("rustfmt.toml")));
        assert_eq!(find_in(&folders, &["Cargo.toml"]), Some(folders[0].join("Cargo.toml")));
        assert_eq!(find_in(&folders, &["no-such-file"]), None);
    }
}
