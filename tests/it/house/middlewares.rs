//! Each built-in middleware has a page in the documentation, and each page says the same things.

use super::repository::{read, root};

const CHAIN: &str = "crates/rest/src/middleware";

/// What each page says, in this order.
const SECTIONS: [&str; 6] = ["Switch", "Config", "Limits", "Answers", "Metric", "go-zero"];

#[test]
fn each_middleware_has_a_page_with_switch_config_limits_answers_metric_and_difference() {
    for name in in_the_chain() {
        let page = page(&name);
        let sections: Vec<_> = page.lines().filter_map(section).collect();
        assert_eq!(sections, SECTIONS, "the page of {name}");
        let first = page.lines().next().unwrap_or_default();
        assert!(first.len() > 20, "the page of {name} begins with no sentence: {first:?}");
    }
}

#[test]
fn the_table_of_the_chain_names_each_page() {
    let table = doc(&read(format!("{CHAIN}/mod.rs")));
    for name in in_the_chain() {
        let links = [format!("| [{name}] |"), format!("(self::{name}) |")];
        assert!(links.iter().any(|link| table.contains(link)), "the table of the chain has no {name}");
    }
}

/// The public modules of the chain, which are those that rustdoc makes a page of.
fn in_the_chain() -> Vec<String> {
    let source = read(format!("{CHAIN}/mod.rs"));
    let names = source.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let names: Vec<_> = names.map(str::to_owned).collect();
    // As many as stand in the function that puts them together: the inner recover and the outer one are one.
    let layers = source.lines().filter(|line| line.trim_start().starts_with(".layer(")).count();
    assert_eq!(names.len(), layers - 1, "{names:?}");
    names
}

fn page(name: &str) -> String {
    let file = format!("{CHAIN}/{name}.rs");
    let file = if root().join(&file).exists() { file } else { format!("{CHAIN}/{name}/mod.rs") };
    doc(&read(file))
}

/// The documentation of a module.
fn doc(source: &str) -> String {
    let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
    lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

/// The name of a section that begins in this line.
fn section(line: &str) -> Option<&str> {
    Some(line.strip_prefix("- **")?.split_once("**")?.0)
}
