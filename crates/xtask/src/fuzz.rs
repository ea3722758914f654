//! `cargo xtask fuzz`: a fuzz target of `crates/ws/fuzz`, guided by what its inputs reach, for so many minutes.
//!
//! It needs rustup's nightly compiler; cargo-fuzz it installs under `target/fuzz`, where what it finds is kept, too.

use std::env;
use std::fs;
use std::process::Command;

use crate::run::{cargo, root, run, succeeds, target};

/// The targets that there are.
pub(crate) const TARGETS: [&str; 2] = ["socket", "handshake"];

/// How long a run takes.
pub(crate) const MINUTES: u64 = 10;

/// Runs a target until it finds something or its time is over.
pub(crate) fn run_target(name: &str, minutes: u64) -> Result<(), String> {
    let folder = target().join("fuzz");
    if !succeeds(Command::new("rustup").args(["run", "nightly", "rustc", "--version"])) {
        return Err("there is no nightly compiler: `rustup toolchain install nightly` brings one".to_owned());
    }
    let tool = folder.join("bin/cargo-fuzz");
    if !succeeds(Command::new(&tool).arg("--version")) {
        run(cargo("install cargo-fuzz --locked --root").arg(&folder))?;
    }
    // New inputs go into the first folder, and none into the repository's.
    let found = folder.join(name);
    fs::create_dir_all(&found).map_err(|e| format!("cannot create {}: {e}", found.display()))?;
    let package = root().join("crates/ws/fuzz");
    let mut command = Command::new("rustup");
    command.args(["run", "nightly"]).arg(&tool).args(["run", "--fuzz-dir"]).arg(&package);
    command
        .arg("--target-dir")
        .arg(folder.join("build"))
        .arg(name)
        .arg(&found)
        .arg(package.join("corpus").join(name));
    command.args(["--", "-max_len=4096", &format!("-max_total_time={}", minutes * 60)]);
    // The cargo that runs this chore is another compiler's.
    for variable in env::vars_os().map(|(name, _)| name).filter(|name| is_cargos(&name.to_string_lossy())) {
        command.env_remove(variable);
    }
    run(command.current_dir(root()))
}

fn is_cargos(variable: &str) -> bool {
    ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN"].contains(&variable)
        || ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|begin| variable.starts_with(begin))
}
