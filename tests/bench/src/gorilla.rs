//! The peer in Go, which is built here where this machine has what it takes.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The program; `None`, with a line that says why, where it cannot be built.
pub(crate) fn program() -> Option<&'static Path> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| match build() {
        Ok(program) => Some(program),
        Err(why) => {
            println!(
                "gorilla is left out, as it takes Go and Debian's golang-github-gorilla-websocket-dev: {why}\n"
            );
            None
        }
    });
    program.as_deref()
}

/// From the sources that Debian has, so that nothing is fetched.
fn build() -> Result<PathBuf, String> {
    let program = env::current_exe().map_err(|error| error.to_string())?.with_file_name("gorilla");
    let built = Command::new("go")
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/gorilla"))
        .envs([("GO111MODULE", "off"), ("GOPATH", "/usr/share/gocode")])
        .args(["build", "-o"])
        .args([&*program, Path::new("main.go")])
        .output();
    let output = built.map_err(|error| format!("go: {error}"))?;
    if output.status.success() {
        return Ok(program);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(said.lines().find(|line| !line.starts_with('#')).unwrap_or("go build has failed").to_owned())
}
