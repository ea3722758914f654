use toml::de::{DeTable, DeValue};

use super::Outline;

/// TOML's parser has a limit of its own to how deep it goes, and knows no aliases.
pub(super) fn outline(text: &str) -> Outline {
    let mut outline = Outline::default();
    if let Ok(table) = DeTable::parse(text) {
        note(&mut outline, text, &mut Vec::new(), table.get_ref());
    }
    outline
}

fn note<'t>(outline: &mut Outline, text: &str, path: &mut Vec<&'t str>, table: &'t DeTable<'_>) {
    for (key, value) in table {
        path.push(key.get_ref());
        outline.note(path.iter().copied(), 1 + text[..key.span().start].matches('\n').count());
        if let DeValue::Table(inner) = value.get_ref() {
            note(outline, text, path, inner);
        }
        path.pop();
    }
}
