//! What `docs/ARCHITECTURE.md` claims of the code: the map, and the ways through it.

use std::iter;

use super::repository::{files, files_with, read, root};

const ARCHITECTURE: &str = "docs/ARCHITECTURE.md";

#[test]
fn the_code_map_names_every_file() {
    let page = read(ARCHITECTURE);
    let mut missing = Vec::new();
    for file in files_with(&["rs"]) {
        let Some((krate, path)) = file.strip_prefix("crates/").and_then(|rest| rest.split_once("/src/"))
        else {
            continue;
        };
        // A crate's root is its table of contents: it is what the map maps.
        if path == "lib.rs" || path == "main.rs" {
            continue;
        }
        let map = map(&page, krate);
        // A folder stands for what is in it, and so does the file whose child modules it holds.
        let folders = path.match_indices('/').map(|(end, _)| &path[..=end]);
        let is_named = map.contains(&path)
            || folders.clone().any(|folder| map.contains(&folder))
            || folders.map(|folder| folder.replace('/', ".rs")).any(|parent| map.contains(&parent.as_str()));
        if !is_named {
            missing.push(file);
        }
    }
    assert!(missing.is_empty(), "the code map of {ARCHITECTURE} does not have {missing:#?}");
}

#[test]
fn the_code_map_names_no_file_that_is_not_there() {
    let page = read(ARCHITECTURE);
    for krate in crates() {
        for name in map(&page, &krate) {
            let path = root().join(format!("crates/{krate}/src/{name}"));
            assert!(path.exists(), "the code map of {ARCHITECTURE} has {name} in {krate}, and there is none");
        }
    }
}

#[test]
fn the_code_map_stands_in_the_order_of_the_modules() {
    let page = read(ARCHITECTURE);
    for krate in crates() {
        let root = ["lib.rs", "main.rs"].map(|name| format!("crates/{krate}/src/{name}"));
        let root = root.iter().find(|path| files().contains(path)).expect("each crate has a root");
        let code = read(root);
        let code = code.split("\n#[cfg(test)]").next().unwrap_or_default();
        let names = |line: &str| {
            let declared = line.strip_prefix("pub ").unwrap_or(line).strip_prefix("mod ")?;
            Some(declared.strip_suffix(';')?.to_owned())
        };
        let modules: Vec<_> = code.lines().filter_map(names).collect();
        let map: Vec<_> = map(&page, &krate)
            .into_iter()
            .map(|name| name.trim_end_matches(".rs").trim_end_matches('/').to_owned())
            .filter(|name| modules.contains(name))
            .collect();
        assert_eq!(map, modules, "{ARCHITECTURE} on the left, {root} on the right");
    }
}

#[test]
fn the_front_page_of_the_hub_begins_in_ten_lines_and_has_rooms_in_twenty() {
    let page = read("crates/hub/src/lib.rs");
    let blocks = page.split("//! ```\n").skip(1).step_by(2);
    let lines = blocks.map(|block| block.lines().filter(|line| !line.starts_with("//! # ")).count());
    let lines: Vec<_> = lines.take(2).collect();
    assert!(lines[0] <= 10 && lines[1] <= 20, "{lines:?}");
}

#[test]
fn the_way_of_a_message_has_seven_stops_that_are_there() {
    let page = read(ARCHITECTURE);
    let rows: Vec<_> = rows(section(&page, "## The way of a message")).collect();
    assert_eq!(rows.len(), 7, "{rows:#?}");
    for (number, row) in (1..).zip(rows) {
        let [stop, place, _] = row[..] else { panic!("a row has three cells, not {row:?}") };
        assert_eq!(stop, number.to_string());
        let places = places(place);
        assert!(!places.is_empty(), "stop {number} names no file");
        for place in places {
            assert!(root().join(&place).is_file(), "stop {number} is at {place}, and there is none");
        }
    }
}

#[test]
fn the_life_of_a_connection_passes_files_that_are_there() {
    let page = read(ARCHITECTURE);
    let section = section(&page, "## The life of a connection");
    for name in quoted(section).filter(|quoted| quoted.ends_with(".rs")) {
        let end = format!("/{name}");
        let by_crate = name.split_once('/').map(|(krate, file)| format!("crates/{krate}/src/{file}"));
        let is_there = files().iter().any(|file| file.ends_with(&end) || Some(file) == by_crate.as_ref());
        assert!(is_there, "{ARCHITECTURE} has {name}, and there is none");
    }
}

/// The names of the folders in `crates`.
fn crates() -> Vec<String> {
    let mut names: Vec<_> =
        files().iter().filter_map(|file| file.strip_prefix("crates/")?.split('/').next()).collect();
    names.dedup();
    names.into_iter().map(str::to_owned).collect()
}

/// What the first cells of a crate's table in the code map name.
fn map<'p>(page: &'p str, krate: &str) -> Vec<&'p str> {
    rows(section(page, &format!("### `crates/{krate}`"))).flat_map(|row| quoted(row[0])).collect()
}

/// The files that a stop names, from the root; one without a folder lies beside the one before it.
fn places(stop: &str) -> Vec<String> {
    let mut places: Vec<String> = Vec::new();
    for name in quoted(stop) {
        let before = places.last().and_then(|place| place.rsplit_once('/'));
        places.push(match before {
            Some((folder, _)) if !name.contains('/') => format!("{folder}/{name}"),
            _ if name.starts_with("examples/") => name.to_owned(),
            _ => format!("crates/{name}"),
        });
    }
    places
}

/// What stands between a heading and the next one, or nothing where there is no such heading.
pub(super) fn section<'p>(page: &'p str, heading: &str) -> &'p str {
    let Some(start) = page.find(&format!("{heading}\n")) else { return "" };
    let body = &page[start + heading.len()..];
    let level = heading.split(' ').next().unwrap_or("#").len();
    let end = (1..=level).filter_map(|level| body.find(&format!("\n{} ", "#".repeat(level)))).min();
    &body[..end.unwrap_or(body.len())]
}

/// The rows of the tables of a text, each as its cells, without the heads.
fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let cells = |line| str::split(str::trim_matches(line, '|'), '|').map(str::trim).collect();
    let mut lines = text.lines().peekable();
    iter::from_fn(move || {
        loop {
            let line = lines.next()?;
            let is_head = lines.peek().is_some_and(|next| next.starts_with("|---"));
            if line.starts_with('|') && !line.starts_with("|---") && !is_head {
                return Some(cells(line));
            }
        }
    })
}

/// What stands in backticks.
pub(super) fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}
