//! The files of this repository, and what cargo says of its packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;

/// The workspace's root.
pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package lies below the root")
}

/// The text of a file; the path counts from the root.
pub(super) fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{} cannot be read: {e}", path.display()))
}

/// The paths of all files, from the root, with `/`: what git has or would take, or else all but what cargo builds.
pub(super) fn files() -> &'static [String] {
    static FILES: LazyLock<Vec<String>> = LazyLock::new(|| {
        let mut files = listed_by_git().unwrap_or_else(walked);
        files.sort();
        assert!(
            files.iter().any(|file| file == "Cargo.toml"),
            "the list is not one of this repository: {files:?}"
        );
        files
    });
    &FILES
}

/// The files with one of these extensions.
pub(super) fn files_with(extensions: &[&str]) -> impl Iterator<Item = &'static str> {
    let has_one = move |file: &&str| {
        Path::new(file).extension().is_some_and(|own| extensions.iter().any(|extension| own == *extension))
    };
    files().iter().map(String::as_str).filter(has_one)
}

/// The Rust files below a folder, each with its code: comment lines are left out.
pub(super) fn code_below(folder: &str) -> impl Iterator<Item = (&'static str, String)> {
    let below = files_with(&["rs"]).filter(move |file| file.starts_with(folder));
    below.map(|file| (file, without_comments(&read(file))))
}

fn without_comments(source: &str) -> String {
    source.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The workspace's packages as `cargo metadata` has them.
pub(super) fn packages() -> &'static [Value] {
    static PACKAGES: LazyLock<Vec<Value>> = LazyLock::new(|| {
        let text = cargo(&["metadata", "--no-deps", "--format-version", "1"]);
        let metadata: Value = serde_json::from_str(&text).expect("cargo writes JSON");
        metadata["packages"].as_array().expect("there are packages").clone()
    });
    &PACKAGES
}

/// A package of the workspace.
pub(super) fn package(name: &str) -> &'static Value {
    packages().iter().find(|package| package["name"] == name).unwrap_or_else(|| panic!("there is no {name}"))
}

/// The names of all packages of the workspace.
pub(super) fn package_names() -> impl Iterator<Item = &'static str> {
    packages().iter().filter_map(|package| package["name"].as_str())
}

/// What a cargo command printed.
pub(super) fn cargo(arguments: &[&str]) -> String {
    let run = Command::new(env!("CARGO")).args(arguments).current_dir(root()).output();
    let output = run.expect("cargo can be run");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo writes text")
}

fn listed_by_git() -> Option<Vec<String>> {
    let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").args(list).current_dir(root()).output().ok()?;
    let paths = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    let paths = paths.split_terminator('\0').map(str::to_owned);
    // A file may be removed and the removal not yet committed.
    Some(paths.filter(|path| root().join(path).is_file()).collect())
}

fn walked() -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).expect("the folder can be read") {
            let entry = entry.expect("the folder can be read");
            let path = folder.join(entry.file_name());
            if path == Path::new("target") || path == Path::new(".git") {
                continue;
            }
            if entry.file_type().expect("it has a type").is_dir() {
                folders.push(path);
            } else {
                files.push(
                    path.components()
                        .map(|part| part.as_os_str().to_string_lossy())
                        .collect::<Vec<_>>()
                        .join("/"),
                );
            }
        }
    }
    files
}

#[test]
fn a_walk_finds_what_git_lists() {
    let Some(mut listed) = listed_by_git() else { return };
    let walked = walked();
    listed.retain(|file| !walked.contains(file));
    assert_eq!(listed, Vec::<String>::new());
}
