//! Links between pages lead somewhere.

use std::path::{Component, Path, PathBuf};

use super::repository::{files_with, read, root};

#[test]
fn each_link_of_a_page_leads_to_a_file_and_a_heading_that_are_there() {
    // The template's pages have their places filled in, and a test of their own for that.
    for page in files_with(&["md"]).filter(|page| !page.starts_with("template/")) {
        let text = read(page);
        for link in links(&text).iter().filter(|link| !link.contains("://")) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let beside = Path::new(page).parent().expect("a file is in a folder");
            let target = if file.is_empty() { PathBuf::from(page) } else { plain(&beside.join(file)) };
            assert!(root().join(&target).exists(), "{page} links to {link}, and there is none");
            if !anchor.is_empty() {
                let is_there = read(&target).lines().filter_map(anchor_of).any(|known| known == anchor);
                assert!(is_there, "{page} links to {link}, and there is no such heading");
            }
        }
    }
}

/// Where the links and pictures of a page lead to, those of code left out.
pub(super) fn links(page: &str) -> Vec<String> {
    let mut links = Vec::new();
    let mut is_code = false;
    for line in page.lines() {
        is_code ^= line.trim_start().starts_with("```");
        if is_code {
            continue;
        }
        // What stands in backticks is code too, but may be the text of a link.
        for (index, _) in line.match_indices("](") {
            let is_quoted = line[..index].matches('`').count() % 2 == 1;
            if let Some((target, _)) = line[index + 2..].split_once(')').filter(|_| !is_quoted) {
                links.push(target.to_owned());
            }
        }
    }
    links
}

/// The anchor of a heading, by the rules of those who show such pages.
fn anchor_of(line: &str) -> Option<String> {
    let title = line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#'))?;
    let kept = title.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    Some(kept.collect::<String>().trim().to_lowercase().replace(' ', "-"))
}

/// A path without `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

#[test]
fn links_are_found_outside_of_code() {
    let page = "[a](b.md#c-d) and `[no](x)` and [`e`](f)\n```\n[no](y)\n```\n![p](q.png)\n";
    assert_eq!(links(page), ["b.md#c-d", "f", "q.png"]);
    assert_eq!(anchor_of("### `PerClient`: what, then?").as_deref(), Some("perclient-what-then"));
    assert_eq!(plain(Path::new("docs/../examples/a")), Path::new("examples/a"));
}
