//! What the pages claim is shown by tests that are there.

use std::collections::HashSet;

use super::pages::quoted;
use super::repository::{code_below, files, files_with, read};

const ATTACKS: &str = "docs/SECURITY.md";

#[test]
fn each_claim_names_tests_that_are_there() {
    let tests: HashSet<_> = files_with(&["rs"]).flat_map(|file| tests_of(&read(file))).collect();
    for path in files_with(&["md"]) {
        for row in claims(&read(path)) {
            let proofs: Vec<_> = quoted(row.rsplit('|').nth(1).unwrap_or_default()).collect();
            assert!(!proofs.is_empty(), "{path} shows by nothing: {row}");
            for proof in proofs {
                let is_there = tests.contains(proof) || files().iter().any(|file| file == proof);
                assert!(is_there, "{path} has {proof}, and there is none");
            }
        }
    }
}

#[test]
fn no_attack_is_missing_and_none_stands_there_twice() {
    let page = read(ATTACKS);
    let words = page.split(|c: char| !c.is_alphanumeric());
    let mut found: Vec<u32> = words.filter_map(|word| word.strip_prefix('A')?.parse().ok()).collect();
    found.sort_unstable();
    assert_eq!(found, (1..=44).collect::<Vec<_>>());
}

#[test]
fn no_time_of_a_socket_is_the_wall_clocks() {
    // A server that is busy may say until when, as a date.
    let sockets = |(file, _): &(&str, String)| *file != "crates/ws/src/reconnecting.rs";
    for (file, code) in code_below("crates/ws/src/").filter(sockets) {
        assert!(!code.contains("SystemTime"), "{file} reads the wall clock");
    }
}

/// The rows of all tables whose last column says what shows the claims of a row.
fn claims(page: &str) -> Vec<&str> {
    let mut rows = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if line.ends_with("| shown by |") {
            rows.extend(lines.by_ref().skip(1).take_while(|line| line.starts_with('|')));
        }
    }
    rows
}

#[test]
fn claims_are_the_rows_of_tables_that_show_by_something() {
    let page = "| a | b |\n|---|---|\n| 1 | 2 |\n\n| a | shown by |\n|---|---|\n| 3 | `t` |\n\ntext\n";
    assert_eq!(claims(page), ["| 3 | `t` |"]);
    assert!(claims(&read(ATTACKS)).len() > 40);
}

#[test]
fn no_time_between_nodes_is_the_wall_clocks() {
    for (file, code) in code_below("crates/hub/src/backplane/") {
        assert!(!code.contains("SystemTime"), "{file} reads the wall clock");
    }
}

/// The names of the functions behind an attribute that makes them tests.
pub(super) fn tests_of(source: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut is_test = false;
    for line in source.lines().map(str::trim) {
        if line.starts_with("#[test") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some((_, after)) = line.split_once("fn ").filter(|_| is_test) {
            names.extend(after.split(['(', '<']).next().map(str::to_owned));
            is_test = false;
        }
    }
    names
}
