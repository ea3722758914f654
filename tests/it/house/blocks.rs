//! What stands in the code blocks of the pages: each is a part of a file that is built or used, a doctest, or commands that
//! there are. Where a block and its file have gone apart, the failure names both lines.

use std::iter;

use super::repository::{files, files_with, package_names, read};
use crate::page::{Block, Command, blocks};

/// Languages of which a block must be a part of a file with one of these extensions.
const LANGUAGES: [(&str, &[&str]); 8] = [
    ("rust", &["rs"]),
    ("yaml", &["yaml", "yml"]),
    ("toml", &["toml"]),
    ("html", &["html"]),
    ("js", &["js", "html"]),
    ("css", &["css", "html"]),
    ("json", &["json"]),
    ("python", &["py"]),
];

/// What is nobody's code: conversations, trees, pictures.
const FREE: [&str; 2] = ["", "text"];

/// Others' code, in pages that compare it with ours.
const OTHERS: [&str; 2] = ["go", "rs"];

/// How commands begin that a reader gives.
const COMMANDS: [&str; 10] = [
    "cargo new ",
    "cargo run ",
    "cargo test ",
    "cargo xtask ",
    "cargo generate ",
    "cd ",
    "cp ",
    "curl ",
    "openssl ",
    "websocat ",
];

#[test]
fn each_block_of_code_is_a_part_of_a_file() {
    for page in files_with(&["md"]) {
        for block in blocks(&read(page)) {
            let Some((_, extensions)) = LANGUAGES.iter().find(|(name, _)| *name == block.language) else {
                continue;
            };
            let is_doctest = block.language == "rust" && doctests().any(|tested| tested == page);
            // A page of the tutorial has a manifest for a folder of one's own; `tutorial.rs` compares it.
            let is_manifest = block.language == "toml" && page.starts_with("docs/tutorial/");
            if is_doctest || is_manifest {
                continue;
            }
            assert!(block.is_plain, "{page}:{}: only a doctest has attributes", block.line - 1);
            let sources = files_with(extensions).filter(|file| near(page, file));
            if let Err(difference) = find(&block, sources) {
                panic!("{page}:{}: this block is no part of a file: {difference}", block.line);
            }
        }
    }
}

#[test]
fn each_block_has_a_language_that_is_looked_at() {
    for page in files_with(&["md"]) {
        for Block { line, language, .. } in blocks(&read(page)) {
            let is_compared = page.starts_with("docs/coming-from-") && OTHERS.contains(&&*language);
            let known = FREE.contains(&&*language)
                || is_compared
                || language == "console"
                || LANGUAGES.iter().any(|(name, _)| *name == language);
            assert!(known, "{page}:{}: nothing checks a block of {language:?}", line - 1);
        }
    }
}

#[test]
fn each_command_of_the_pages_is_one_that_there_is() {
    for page in files_with(&["md"]) {
        for block in blocks(&read(page)).iter().filter(|block| block.language == "console") {
            for Command { line, text: command, .. } in block.commands() {
                // Variables may stand before it.
                let words: Vec<_> = command.split(' ').skip_while(|word| word.contains('=')).collect();
                let known = COMMANDS.iter().any(|known| format!("{} ", words.join(" ")).starts_with(known));
                assert!(known, "{page}:{line}: nothing is known of `{command}`");
                for option in words.windows(2).filter(|pair| ["-p", "--package"].contains(&pair[0])) {
                    assert!(package_names().any(|name| name == option[1]), "{page}:{line}: no {}", option[1]);
                }
            }
        }
    }
}

/// Whether a page may show this file: one of the tutorial shows its own step alone, any other page anything but templates.
fn near(page: &str, file: &str) -> bool {
    match page.strip_prefix("docs/tutorial/").and_then(|page| page.strip_suffix(".md")) {
        Some(step) if step != "README" => file.starts_with(&format!("examples/tutorial/{step}/")),
        _ => true,
    }
}

/// Looks for a block in files; or says where the file goes on otherwise that has the most of it.
fn find<'f>(block: &Block, files: impl Iterator<Item = &'f str>) -> Result<(), String> {
    let wanted: Vec<_> = block.lines.iter().map(String::as_str).collect();
    let mut best = (0, "no file has its first line".to_owned());
    for file in files {
        let text = read(file);
        let lines: Vec<_> = text.lines().collect();
        for start in 0..lines.len() {
            let same = agreement(&wanted, &lines[start..]);
            if same == wanted.len() {
                return Ok(());
            }
            if same > best.0 {
                let (theirs, ours) = (lines.get(start + same).unwrap_or(&"the end"), wanted[same]);
                let (here, there) = (block.line + same, start + same + 1);
                best = (same, format!("line {here} is {ours:?}, and {file}:{there} is {theirs:?}"));
            }
        }
    }
    Err(best.1)
}

/// How many lines are the same, from the first on; a part of a file may stand further to the left than in the file.
fn agreement(wanted: &[&str], lines: &[&str]) -> usize {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let (Some(first), Some(theirs)) = (wanted.first(), lines.first()) else { return 0 };
    let Some(shift) = indent(theirs).checked_sub(indent(first)) else { return 0 };
    let shifted = |line: &str| if line.is_empty() { String::new() } else { " ".repeat(shift) + line };
    iter::zip(wanted, lines).take_while(|(wanted, line)| shifted(wanted) == **line).count()
}

/// The pages whose code is run as doctests: those that a crate includes for that.
fn doctests() -> impl Iterator<Item = &'static str> {
    let included: Vec<_> =
        files_with(&["rs"]).flat_map(|file| included_for_doctests(file, &read(file))).collect();
    files().iter().map(String::as_str).filter(move |file| included.iter().any(|page| page == file))
}

fn included_for_doctests(file: &str, source: &str) -> Vec<String> {
    let mut is_for_doctests = false;
    let mut pages = Vec::new();
    for line in source.lines() {
        let path = line.strip_prefix("#[doc = include_str!(\"").and_then(|path| path.strip_suffix("\")]"));
        if let Some(path) = path.filter(|_| is_for_doctests) {
            let mut folders: Vec<_> = file.split('/').collect();
            folders.pop();
            for part in path.split('/') {
                match part {
                    ".." => {
                        folders.pop();
                    }
                    part => folders.push(part),
                }
            }
            pages.push(folders.join("/"));
        } else {
            is_for_doctests = line == "#[cfg(doctest)]";
        }
    }
    pages
}

#[test]
fn a_block_is_found_further_to_the_left_and_a_difference_is_told_with_both_lines() {
    assert_eq!(agreement(&["a {", "    b"], &["  a {", "      b", "  }"]), 2);
    assert_eq!(agreement(&["a {", "", "    b"], &["  a {", "", "      c"]), 2);
    assert_eq!(agreement(&["  a"], &["a"]), 0, "never further to the right");

    let page = "x\n```rust\nconst MAX_LINES: usize = 450;\nconst MAX_LINES: usize = 451;\n```\n";
    let [block] = &blocks(page)[..] else { panic!("one block") };
    let difference = find(block, ["tests/it/house/files.rs"].into_iter()).unwrap_err();
    assert!(
        difference
            .starts_with("line 4 is \"const MAX_LINES: usize = 451;\", and tests/it/house/files.rs:6 is ")
    );
}

#[test]
fn the_pages_that_are_doctests_are_found() {
    let source = "#[doc = include_str!(\"a.md\")]\n#[cfg(doctest)]\n#[doc = include_str!(\"../b.md\")]\n#[doc = include_str!(\"c.md\")]\nstruct B;\n";
    assert_eq!(included_for_doctests("x/src/lib.rs", source), ["x/b.md", "x/src/c.md"]);
    assert!(doctests().any(|page| page == "docs/coming-from-go-zero.md"));
}
