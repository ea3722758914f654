//! The browser's client of the hub, `examples/chat/page/hub`: its tests in Node, on the real chat server, its types and its size.
//!
//! It needs `node`, and what `foreign.rs` sets up for it. Where they are absent, a line says so.

use std::path::Path;
use std::process::Command;

use crate::foreign;
use crate::run::{cargo, find, root, run, target};

/// Checks the types, then runs the tests.
pub(crate) fn test() -> Result<(), String> {
    let Some(node) = find(&["node"]) else {
        println!("there is no `node`: not done");
        return Ok(());
    };
    let Some(modules) = foreign::node_modules() else {
        println!("npm's packages are not set up: not done");
        return Ok(());
    };
    let folder = root().join("examples/chat/page/hub");
    let tsc = modules.join("typescript/bin/tsc");
    run(Command::new(&node).arg(tsc).args(["--noEmit", "--project"]).arg(&folder))?;
    run(&mut cargo("build --package chat"))?;
    let mut command = Command::new(node);
    command.arg("--test").args(tests(&folder)?).env("ZEROXIDE_NODE_MODULES", modules);
    run(command.env("ZEROXIDE_CHAT", target().join("debug/chat")))
}

/// The test files, as Node before 22 takes no pattern.
fn tests(folder: &Path) -> Result<Vec<std::path::PathBuf>, String> {
    let folder = folder.join("test");
    let entries = folder.read_dir().map_err(|e| format!("{} cannot be read: {e}", folder.display()))?;
    let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| file.to_string_lossy().ends_with(".test.js"));
    files.sort();
    Ok(files)
}
