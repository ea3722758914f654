//! The template of `cargo generate`: filled in as that does, it builds without a warning and passes its tests.

use std::fs;
use std::path::Path;

use tokio::process::Command;

use crate::folder::Folder;
use crate::program::cargo;

#[tokio::test]
async fn what_the_template_makes_builds_without_a_warning_and_passes_its_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package lies below the root");
    let folder = Folder::new();
    generate(
        &root.join("template"),
        folder.path(),
        &[("project-name", "my-service"), ("zeroxide", root.to_str().expect("a path that is text"))],
    );
    // It lies below this workspace, of which it is no member.
    let manifest = fs::read_to_string(folder.path().join("Cargo.toml")).expect("there is a manifest");
    folder.file("Cargo.toml", &(manifest + "\n[workspace]\n"));
    // The versions that are here already.
    fs::copy(root.join("Cargo.lock"), folder.path().join("Cargo.lock")).expect("the lock can be copied");

    let mut test = Command::from(cargo(folder.path()));
    test.args(["test", "--offline", "--color", "never"]);
    // What is built already is not built again: the same folder, and the same profile.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it lies in the target folder");
    test.env("CARGO_TARGET_DIR", target).env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only");
    let ended = test.kill_on_drop(true).output().await.expect("cargo can be run");

    let [printed, said] = [&ended.stdout, &ended.stderr].map(|text| String::from_utf8_lossy(text));
    assert!(ended.status.success(), "{printed}{said}");
    assert!(!said.contains("warning"), "{said}");
    assert!(printed.contains("\ntest result: ok. 4 passed; 0 failed"), "{printed}");
}

/// Does what cargo-generate does: copies, and fills in the files that the template says.
fn generate(template: &Path, folder: &Path, values: &[(&str, &str)]) {
    let rules = fs::read_to_string(template.join("cargo-generate.toml")).expect("the template has rules");
    let included = rules.lines().find_map(|line| line.strip_prefix("include = ")).expect("a list of files");
    let included: Vec<_> = included.split('"').skip(1).step_by(2).collect();
    let mut found = 0;
    for entry in walk(template) {
        let name = entry.strip_prefix(template).expect("it lies there").to_string_lossy().replace('\\', "/");
        if name == "cargo-generate.toml" {
            continue;
        }
        let mut text = fs::read_to_string(&entry).expect("the template is text");
        if included.contains(&&*name) {
            found += 1;
            for (placeholder, value) in values {
                text = text.replace(&format!("{{{{{placeholder}}}}}"), value);
            }
            assert!(!text.contains("{{"), "{name} has a placeholder that nobody fills in");
        }
        let to = folder.join(&name);
        fs::create_dir_all(to.parent().expect("it lies in a folder")).expect("the folder can be made");
        fs::write(to, text).expect("the file can be written");
    }
    assert_eq!(found, included.len(), "each file to fill in is there: {included:?}");
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files
}
