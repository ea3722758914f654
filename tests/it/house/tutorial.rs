//! The tutorial shows all of each step: whoever follows it word by word has the same files at the end.

use std::collections::BTreeSet;

use super::claims::tests_of;
use super::manifests::section;
use super::repository::{files, read};
use crate::page::{self, Block, STEPS, blocks};

/// Where the clone is, seen from the folder in which the reader works.
const CLONE: &str = "../zeroxide/";

#[test]
fn each_step_has_a_page_and_a_crate() {
    let named = |folder: &str, end: usize| -> BTreeSet<String> {
        let inside = files().iter().filter_map(|file| file.strip_prefix(folder));
        inside
            .map(|path| path.split('/').next().unwrap_or_default()[..].to_owned())
            .map(|name| name[..name.len() - end].to_owned())
            .collect()
    };
    let steps: BTreeSet<_> = STEPS.iter().map(|step| (*step).to_owned()).collect();
    assert_eq!(named("examples/tutorial/", 0), steps);
    let mut pages = named("docs/tutorial/", ".md".len());
    assert!(pages.remove("README"), "the tutorial has an index");
    assert_eq!(pages, steps);
}

#[test]
fn the_index_has_the_steps_in_order_and_each_page_leads_to_the_next() {
    let index = read("docs/tutorial/README.md");
    let places: Vec<_> = STEPS.iter().map(|step| index.find(&format!("({step}.md)"))).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}");
    for pair in STEPS.windows(2) {
        let page = read(format!("docs/tutorial/{}.md", pair[0]));
        assert!(page.contains(&format!("({}.md)", pair[1])), "{} does not lead to {}", pair[0], pair[1]);
    }
}

#[test]
fn each_step_is_shown_whole_or_copied() {
    let mut before = "";
    for step in STEPS {
        let (page, shown) = page(step);
        let folder = format!("examples/tutorial/{step}/");
        for file in files().iter().filter(|file| file.starts_with(&folder)) {
            let name = &file[folder.len()..];
            if name == "Cargo.toml" {
                continue; // the next test's
            }
            let text = read(file);
            let is_shown = shown.iter().any(|block| block.lines.iter().eq(text.lines()));
            let copy = format!("cp {CLONE}{file} {name}");
            let is_copied = shown.iter().flat_map(Block::commands).any(|command| command.text == copy);
            // What the step before had stays where it is.
            let old = format!("examples/tutorial/{before}/{name}");
            let is_there = files().contains(&old) && read(&old) == text;
            assert!(
                is_shown || is_copied || is_there,
                "{page} neither shows all of {name}, nor has `{copy}`"
            );
        }
        before = step;
    }
}

#[test]
fn each_step_says_what_it_depends_on() {
    let mut before = Vec::new();
    for step in STEPS {
        let (page, shown) = page(step);
        let manifest = read(format!("examples/tutorial/{step}/Cargo.toml"));
        let needed: Vec<_> = section(&manifest, "dependencies").into_iter().map(standalone).collect();
        let tables = shown.iter().filter(|block| block.language == "toml");
        let last = tables.clone().next_back();
        assert!(
            last.is_some() || needed == before,
            "{page} has no [dependencies], and {needed:#?} is needed"
        );
        for Block { line, lines, .. } in tables {
            let text = lines.join("\n");
            assert_eq!(section(&text, "dependencies"), needed, "{page}:{line}");
        }
        before = needed;
    }
}

#[test]
fn each_step_runs_the_tests_that_it_has() {
    for step in STEPS {
        let (page, shown) = page(step);
        let tests: BTreeSet<_> =
            tests_of(&read(format!("examples/tutorial/{step}/src/tests.rs"))).into_iter().collect();
        let run = shown.iter().find(|block| block.lines.first().is_some_and(|line| line == "$ cargo test"));
        let run = run.unwrap_or_else(|| panic!("{page} runs no test"));
        let names = run.lines.iter().filter_map(|line| line.strip_prefix("test tests::"));
        let names: BTreeSet<_> = names.map(|line| line.trim_end_matches(" ... ok").to_owned()).collect();
        assert_eq!(names, tests, "{page}:{}", run.line);
    }
}

/// The path of a step's page, and its blocks.
fn page(step: &str) -> (String, Vec<Block>) {
    (format!("docs/tutorial/{step}.md"), blocks(&page::step(step)))
}

/// A line of a member's dependencies, as it is outside of the workspace and beside a clone of it.
fn standalone(line: &str) -> String {
    let (name, own) = line.split_once([' ', '.']).expect("a name, and what it is");
    let workspace = read("Cargo.toml");
    let prefix = format!("{name} = ");
    let common = section(&workspace, "workspace.dependencies");
    let common = common.iter().find_map(|line| line.strip_prefix(&prefix)).expect("it is the workspace's");
    let mut parts = match common.strip_prefix('{') {
        Some(table) => split(table.trim_end_matches('}')),
        None => vec![format!("version = {common}")],
    };
    for part in &mut parts {
        *part = part.replace("path = \"crates/", &format!("path = \"{CLONE}crates/"));
    }
    let own = own.trim_start_matches("= {").trim_end_matches('}');
    let features = |part: &&String| part.starts_with("features");
    if let Some(more) = split(own).iter().find(features) {
        assert!(!parts.iter().any(|part| features(&part)), "{name} has features in two places");
        parts.push(more.clone());
    }
    match &parts[..] {
        [version] if version.starts_with("version = ") => {
            format!("{name} = {}", &version["version = ".len()..])
        }
        parts => format!("{name} = {{ {} }}", parts.join(", ")),
    }
}

/// The parts of an inline table: the commas in its lists do not separate them.
fn split(table: &str) -> Vec<String> {
    let mut depth = 0;
    let parts = table.split(|c: char| {
        depth += i32::from(c == '[') - i32::from(c == ']');
        c == ',' && depth == 0
    });
    parts.map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

#[test]
fn a_dependency_says_outside_what_the_workspace_says() {
    let beside = "hub = { package = \"zeroxide-hub\", path = \"../zeroxide/crates/hub\" }";
    assert_eq!(standalone("hub.workspace = true"), beside);
    assert_eq!(standalone("serde_json.workspace = true"), "serde_json = \"1\"");
    let tokio = "tokio = { workspace = true, features = [\"macros\", \"net\"] }";
    assert_eq!(standalone(tokio), "tokio = { version = \"1\", features = [\"macros\", \"net\"] }");
    let serde = "serde = { version = \"1\", features = [\"derive\"] }";
    assert_eq!(standalone("serde.workspace = true"), serde);
}
