//! What a run leaves for people to look at: screenshots, and the log of all its child processes.
//!
//! It lies in `$ZEROXIDE_ARTIFACTS`, or else in `artifacts` of cargo's target folder.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The path of an artifact, in a folder that is there.
pub(crate) fn artifact(name: &str) -> PathBuf {
    let target = || Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("artifacts");
    let folder = env::var_os("ZEROXIDE_ARTIFACTS").map_or_else(target, PathBuf::from);
    fs::create_dir_all(&folder).expect("the artifacts' folder can be created");
    folder.join(name)
}

/// Where child processes write what they log; one file, begun anew by each run.
pub(crate) fn log() -> File {
    static LOG: LazyLock<File> =
        LazyLock::new(|| File::create(artifact("browser.log")).expect("the log can be written"));
    LOG.try_clone().expect("a file can be had twice")
}
