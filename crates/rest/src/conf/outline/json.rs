use std::mem;

use super::{MAX_DEPTH, Outline, too_deep};

/// Of JSON and of JSON5, which is the same with comments, other quotes and keys without any.
pub(super) fn outline(text: &str) -> Result<Outline, String> {
    let mut outline = Outline::default();
    // For each section that is open its current key, for each list none.
    let mut open: Vec<Option<String>> = Vec::new();
    let mut line = 1;
    // The last word, in quotes or without, and its line: a key, if a colon follows.
    let mut word = (String::new(), line);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' => line += 1,
            '"' | '\'' => {
                word = (String::new(), line);
                while let Some(mut inner) = chars.next().filter(|inner| *inner != c) {
                    if inner == '\\' {
                        // An escape in a key is not worth more: the key is not found, and has no line.
                        inner = chars.next().unwrap_or(inner);
                    }
                    line += usize::from(inner == '\n');
                    word.0.push(inner);
                }
            }
            '/' if chars.next_if_eq(&'/').is_some() => while chars.next_if(|c| *c != '\n').is_some() {},
            '/' if chars.next_if_eq(&'*').is_some() => {
                let mut last = ' ';
                for inner in chars.by_ref() {
                    line += usize::from(inner == '\n');
                    if mem::replace(&mut last, inner) == '*' && inner == '/' {
                        break;
                    }
                }
            }
            '{' | '[' => {
                if open.len() == MAX_DEPTH {
                    return Err(too_deep(line));
                }
                open.push((c == '{').then(String::new));
            }
            '}' | ']' => drop(open.pop()),
            ':' => {
                if let Some(Some(key)) = open.last_mut() {
                    *key = mem::take(&mut word.0);
                    if let Some(path) = open.iter().map(Option::as_deref).collect::<Option<Vec<_>>>() {
                        outline.note(path, word.1);
                    }
                }
            }
            c if c.is_alphanumeric() || c == '_' || c == '$' => {
                word = (c.to_string(), line);
                while let Some(c) = chars.next_if(|c| c.is_alphanumeric() || *c == '_' || *c == '$') {
                    word.0.push(c);
                }
            }
            _ => {}
        }
    }
    Ok(outline)
}
