//! What is said once, in the workspace's manifest, and taken over by each member.

use super::repository::{packages, read};

#[test]
fn unsafe_code_is_forbidden_in_the_whole_workspace() {
    let manifest = read("Cargo.toml");
    let lints = section(&manifest, "workspace.lints.rust");
    assert!(lints.contains(&"unsafe_code = \"forbid\""), "{lints:?}");
}

#[test]
fn each_member_takes_over_the_lints() {
    for manifest in manifests() {
        let text = read(manifest);
        assert_eq!(section(&text, "lints"), ["workspace = true"], "[lints] of {manifest}");
    }
}

#[test]
fn each_member_takes_over_version_edition_and_licence() {
    for manifest in manifests() {
        let text = read(manifest);
        let package = section(&text, "package");
        for key in ["version", "edition", "rust-version", "license", "publish"] {
            let inherited = format!("{key}.workspace = true");
            assert!(package.contains(&inherited.as_str()), "{manifest} has no `{inherited}`");
        }
    }
}

#[test]
fn dependencies_have_their_versions_in_one_place() {
    for manifest in manifests() {
        let text = read(manifest);
        for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for line in section(&text, table) {
                let inherited = line.contains(".workspace = true") || line.contains("workspace = true,");
                let continued = !line.contains('='); // a list of features over several lines
                assert!(inherited || continued, "[{table}] of {manifest}: {line}");
            }
        }
    }
}

/// The manifests of all members.
fn manifests() -> impl Iterator<Item = &'static str> {
    packages().iter().map(|package| package["manifest_path"].as_str().expect("each package has a manifest"))
}

/// The lines of a table without comments and blank lines.
pub(super) fn section<'m>(manifest: &'m str, name: &str) -> Vec<&'m str> {
    let header = format!("[{name}]");
    let lines = manifest.lines().map(|line| line.split('#').next().unwrap_or("").trim());
    let inside = lines.skip_while(|line| *line != header).skip(1).take_while(|line| !line.starts_with('['));
    inside.filter(|line| !line.is_empty()).collect()
}

#[test]
fn a_section_ends_where_the_next_begins() {
    let manifest = "[a]\nx = 1 # why\n\n# y\n[b]\nz = 2\n";
    assert_eq!(section(manifest, "a"), ["x = 1"]);
    assert_eq!(section(manifest, "b"), ["z = 2"]);
}
