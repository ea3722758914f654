//! Names of people and of rooms: what they may be, and when two are the same.

use std::collections::HashSet;

use unicode_normalization::UnicodeNormalization;

/// A name that can be shown to anybody: visible characters, normalised (NFC), single spaces between words.
///
/// Not in it are controls, what turns the direction of text around, and what nobody sees: with these a name could pass for
/// another, or disturb what stands beside it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Name(String);

impl Name {
    /// Reads a name of up to `max` characters; `None` if it is none.
    pub(crate) fn parse(text: &str, max: usize) -> Option<Self> {
        // Before the work, as normalising makes nothing shorter by that much.
        if text.len() > max.saturating_mul(16) {
            return None;
        }
        let name: String = text.split_whitespace().collect::<Vec<_>>().join(" ").nfc().collect();
        let length = name.chars().count();
        ((1..=max).contains(&length) && name.chars().all(is_visible)).then_some(Self(name))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// This name, or where others have it already, with the lowest number behind it that makes it another one.
    pub(crate) fn beside<'a>(&self, others: impl Iterator<Item = &'a str>) -> Self {
        let own = folded(&self.0);
        // There may be thousands, of which few begin as this one does.
        let begins = |other: &&str| {
            other.as_bytes().get(..own.len()).is_some_and(|it| it.eq_ignore_ascii_case(own.as_bytes()))
        };
        let others: HashSet<_> =
            others.filter(|other| !other.is_ascii() || begins(other)).map(folded).collect();
        if !others.contains(&own) {
            return self.clone();
        }
        let is_free = |number: &u64| !others.contains(&format!("{own} {number}"));
        let number = (2..).find(is_free).unwrap_or_default();
        Self(format!("{} {number}", self.0))
    }
}

/// What two names have in common that look the same: `ANN` and `Ａnn` are one.
fn folded(name: &str) -> String {
    name.nfkc().flat_map(char::to_lowercase).collect()
}

fn is_visible(char: char) -> bool {
    let is_hidden = char.is_control()
        || matches!(char,
            // Formats: soft hyphens, directions and their overrides, joiners, tags; Unicode's category Cf.
            '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
            // Fillers and variations, which show nothing either; and what means nothing outside of one program.
            | '\u{34f}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{2800}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}');
    !is_hidden
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Option<String> {
        Name::parse(text, 32).map(|name| name.0)
    }

    #[test]
    fn a_name_is_normalised_and_its_spaces_are_single() {
        assert_eq!(name("  A\u{308}nne \t\n Marie "), Some("Änne Marie".to_owned()));
        assert_eq!(name("李雷 🦊"), Some("李雷 🦊".to_owned()));
    }

    #[test]
    fn what_is_empty_too_long_or_hidden_is_no_name() {
        let long = "x".repeat(33);
        for text in
            ["", " \u{3000}", &long, "An\u{200b}n", "\u{202e}nnA", "Ann\u{7}", "\u{3164}", "\u{e0041}"]
        {
            assert_eq!(name(text), None, "{text:?}");
        }
        assert_eq!(
            name(&"ä".repeat(32)).map(|name| name.len()),
            Some(64),
            "characters are counted, not bytes"
        );
    }

    #[test]
    fn a_name_that_is_taken_gets_the_lowest_number_that_is_free() {
        let ann = Name::parse("Ann", 32).unwrap();
        for (others, expected) in
            [(&["Bob"][..], "Ann"), (&["ann"], "Ann 2"), (&["ＡＮＮ", "Ann 2", "Ann 4"], "Ann 3")]
        {
            assert_eq!(ann.beside(others.iter().copied()).as_str(), expected, "beside {others:?}");
        }
    }
}
