//! Each example says what it is, how to run it, and what to try.

use super::repository::{files, read};

#[test]
fn each_example_says_what_it_is_how_to_run_it_and_what_to_try() {
    for (name, main) in examples() {
        let source = read(main);
        let head: Vec<_> = source.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim).collect();
        let head = head.join("\n");
        let (what, rest) = head.split_once("\n\n").unwrap_or_else(|| panic!("{main} says one thing only"));
        assert!(what.ends_with('.') && what.len() > 20, "{main} says what it is: {what:?}");
        let run = format!("Run it with `cargo run -p {name}");
        let (_, after) = rest.split_once(&run).unwrap_or_else(|| panic!("{main} has no {run:?}"));
        assert!(after.replace('\n', " ").contains(" then "), "{main} says what to try then");
    }
}

#[test]
fn each_example_is_in_the_list() {
    let list = read("examples/README.md");
    for (name, main) in examples() {
        assert!(list.contains(&format!("`cargo run -p {name}")), "examples/README.md does not have {main}");
    }
}

/// The packages of the examples, with their first files.
fn examples() -> Vec<(String, &'static str)> {
    let mains = files().iter().filter(|file| file.starts_with("examples/") && file.ends_with("/src/main.rs"));
    let examples: Vec<_> = mains
        .map(|main| {
            let manifest = read(main.replace("src/main.rs", "Cargo.toml"));
            let name = manifest.lines().find_map(|line| line.strip_prefix("name = ")).expect("a name");
            (name.trim_matches('"').to_owned(), main.as_str())
        })
        .collect();
    assert!(examples.len() >= 12, "{examples:?}");
    examples
}
