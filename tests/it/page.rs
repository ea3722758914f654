//! The code blocks of a page in Markdown.

use std::fs;
use std::path::Path;

/// A fenced block, one in a list too.
pub(crate) struct Block {
    /// The line of the page at which its first line stands.
    pub(crate) line: usize,
    pub(crate) language: String,
    /// Whether its language is all that its fence says.
    pub(crate) is_plain: bool,
    pub(crate) lines: Vec<String>,
}

/// A command of a block, and what it is said to print.
#[derive(Debug, PartialEq)]
pub(crate) struct Command {
    pub(crate) line: usize,
    pub(crate) text: String,
    pub(crate) output: Vec<String>,
}

/// The blocks of a text.
pub(crate) fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, fence)) = lines.next() {
        let indent = fence.len() - fence.trim_start().len();
        let Some(info) = fence.trim_start().strip_prefix("```") else { continue };
        let language = info.split([',', ' ']).next().unwrap_or_default().to_owned();
        let inside = lines.by_ref().map(|(_, line)| line).take_while(|line| line.trim() != "```");
        let inside = inside.map(|line| line.get(indent..).unwrap_or_default().to_owned()).collect();
        blocks.push(Block { line: index + 2, is_plain: language == info, language, lines: inside });
    }
    blocks
}

impl Block {
    /// Its commands: what stands after `$ `, or every line where there is no `$ `. None of a block that is not for a console.
    pub(crate) fn commands(&self) -> Vec<Command> {
        if self.language != "console" {
            return Vec::new();
        }
        let has_prompts = self.lines.iter().any(|line| line.starts_with("$ "));
        let mut commands: Vec<Command> = Vec::new();
        for (line, text) in (self.line..).zip(&self.lines) {
            let command = if has_prompts { text.strip_prefix("$ ") } else { Some(&**text) };
            match (command, commands.last_mut()) {
                (Some(""), _) => {}
                (Some(text), _) => commands.push(Command { line, text: text.to_owned(), output: Vec::new() }),
                (None, Some(last)) => last.output.push(text.clone()),
                (None, None) => panic!("line {line} is printed by no command"),
            }
        }
        commands
    }
}

/// The page of a step of the tutorial.
pub(crate) fn step(step: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../docs/tutorial/{step}.md"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The steps of the tutorial.
pub(crate) const STEPS: [&str; 7] =
    ["1-hello", "2-echo", "3-hub", "4-rooms", "5-history", "6-limits", "7-production"];

#[test]
fn commands_are_told_from_what_they_print() {
    let page = "```console\n$ cargo test\nrunning 2 tests\n```\n- a list\n  ```console\n  cargo run -p chat\n\n  ```\n";
    let found: Vec<_> = blocks(page).iter().flat_map(Block::commands).collect();
    let command = |line, text: &str, output: &[&str]| Command {
        line,
        text: text.to_owned(),
        output: output.iter().map(|line| (*line).to_owned()).collect(),
    };
    assert_eq!(found, [command(2, "cargo test", &["running 2 tests"]), command(7, "cargo run -p chat", &[])]);
}
