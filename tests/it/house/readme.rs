//! The two READMEs: one example, two commands, and the same in both languages.

use std::iter;

use super::links::links;
use super::repository::read;

const READMES: [&str; 2] = ["README.md", "README.zh-CN.md"];

#[test]
fn each_readme_shows_the_whole_chat_as_it_is() {
    let chat = read("examples/chat/src/main.rs");
    let begin = format!("```rust\n{}\n", chat.lines().next().expect("it has a first line"));
    for path in READMES {
        let readme = read(path);
        let start = readme
            .find(&begin)
            .unwrap_or_else(|| panic!("no block of {path} begins as the chat's main.rs does"));
        let first = readme[..start].lines().count() + 2;
        let shown = readme[start..].lines().skip(1).take_while(|line| *line != "```").map(Some);
        let actual = chat.lines().map(Some);
        let longer = shown.clone().count().max(actual.clone().count());
        let lines = iter::zip(shown.chain(iter::repeat(None)), actual.chain(iter::repeat(None)));
        for (index, (shown, actual)) in lines.take(longer).enumerate() {
            assert_eq!(shown, actual, "{path}:{} and examples/chat/src/main.rs:{}", first + index, index + 1);
        }
    }
}

#[test]
fn each_readme_needs_two_commands() {
    for path in READMES {
        let readme = read(path);
        let mut commands = Vec::new();
        let mut lines = readme.lines();
        while let Some(line) = lines.next() {
            if ["```console", "```sh", "```bash", "```shell"].contains(&line) {
                commands.extend(lines.by_ref().take_while(|line| *line != "```"));
            } else if line.starts_with("```") {
                lines.by_ref().take_while(|line| *line != "```").for_each(drop);
            }
        }
        let commands: Vec<_> = commands.iter().map(|line| line.trim_start_matches("$ ")).collect();
        assert_eq!(commands, ["cargo run -p chat", "cargo xtask test"], "{path}");
    }
}

#[test]
fn the_readmes_have_the_same_parts_tables_and_links() {
    let [english, chinese] = READMES.map(read);
    let headings = |page: &str| page.lines().filter(|line| line.starts_with("## ")).count();
    let cells = |page: &str| {
        page.lines()
            .filter(|line| line.starts_with('|'))
            .map(|row| row.matches('|').count())
            .collect::<Vec<_>>()
    };
    assert_eq!(headings(&english), headings(&chinese));
    assert_eq!(cells(&english), cells(&chinese));
    let targets = |page: &str| {
        let mut targets = links(page);
        targets.retain(|target| !READMES.contains(&target.as_str()));
        targets.sort();
        targets
    };
    assert_eq!(targets(&english), targets(&chinese));
}
