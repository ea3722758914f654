//! `cargo xtask bench`: builds the package that puts servers under load, and runs it.

use crate::run::{cargo, run, target};

/// Runs it with these words; without any, it says which there are.
///
/// It is no member of the workspace, as what it compares us with is much to build: it has its own folder to build into.
pub(crate) fn run_with(arguments: &[String]) -> Result<(), String> {
    let mut command = cargo("run --release --manifest-path tests/bench/Cargo.toml --target-dir");
    run(command.arg(target().join("bench")).arg("--").args(arguments))
}
