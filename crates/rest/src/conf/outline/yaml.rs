use std::collections::HashMap;

use yaml_rust2::parser::{Event, Parser};

use super::{MAX_DEPTH, MAX_VALUES, Outline, too_deep};

/// A section or a list that has begun and not ended.
struct Open {
    /// Of a list `None`; of a section the key whose value is next, or before a key an empty one.
    key: Option<String>,
    is_key_next: bool,
    /// How many values are in it.
    size: usize,
    anchor: usize,
}

pub(super) fn outline(text: &str) -> Result<Outline, String> {
    let mut outline = Outline::default();
    let mut open: Vec<Open> = Vec::new();
    let mut sizes: HashMap<usize, usize> = HashMap::new();
    let mut parser = Parser::new_from_str(text);
    // An error is for the parser that comes next to tell.
    while let Ok((event, marker)) = parser.next_token() {
        let line = marker.line();
        let (size, anchor) = match event {
            Event::StreamEnd => break,
            Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
                if open.len() == MAX_DEPTH {
                    return Err(too_deep(line));
                }
                let is_section = matches!(event, Event::MappingStart(..));
                let key = is_section.then(String::new);
                open.push(Open { key, is_key_next: is_section, size: 1, anchor });
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(closed) => (closed.size, closed.anchor),
                None => break,
            },
            Event::Scalar(text, _, anchor, _) => {
                if let Some(Open { key: Some(key), is_key_next: true, .. }) = open.last_mut() {
                    *key = text;
                    if let Some(path) =
                        open.iter().map(|open| open.key.as_deref()).collect::<Option<Vec<_>>>()
                    {
                        outline.note(path, line);
                    }
                }
                (1, anchor)
            }
            Event::Alias(anchor) => (sizes.get(&anchor).copied().unwrap_or(1), 0),
            Event::Nothing | Event::StreamStart | Event::DocumentStart | Event::DocumentEnd => continue,
        };
        if anchor > 0 {
            sizes.insert(anchor, size);
        }
        if let Some(around) = open.last_mut() {
            around.size += size;
            around.is_key_next = around.key.is_some() && !around.is_key_next;
            if around.size > MAX_VALUES {
                return Err(format!("more than {MAX_VALUES} values at line {line}"));
            }
        }
    }
    Ok(outline)
}
