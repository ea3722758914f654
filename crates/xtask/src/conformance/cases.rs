//! Which cases: sets by name, sections, groups, single cases.

/// The sets that have a name.
pub(crate) const SETS: [Set; 4] = [
    // Without the cases that sit out timers, of a second or two each.
    Set {
        name: "quick",
        cases: &["1", "2", "3", "4", "5", "6", "7", "10"],
        without: &["5.19", "5.20", "6.4"],
        purpose: "framing, closing and UTF-8, in seconds",
    },
    Set {
        name: "core",
        cases: &["1", "2", "3", "4", "5", "6", "7", "9", "10"],
        without: &[],
        purpose: "all of RFC 6455, with limits and performance",
    },
    Set { name: "deflate", cases: &["12", "13"], without: &[], purpose: "permessage-deflate, for minutes" },
    Set { name: "all", cases: &["*"], without: &[], purpose: "both" },
];

/// A set of cases that has a name.
pub(crate) struct Set {
    pub(crate) name: &'static str,
    cases: &'static [&'static str],
    without: &'static [&'static str],
    /// A line for the usage text.
    pub(crate) purpose: &'static str,
}

/// The cases that were asked for, whatever the suite has.
#[derive(Debug, PartialEq)]
pub(crate) struct Selection(Vec<Part>);

/// One word of a selection: what it takes, and what it leaves out of that.
#[derive(Debug, PartialEq)]
struct Part {
    word: String,
    cases: Vec<Pattern>,
    without: Vec<Pattern>,
}

impl Selection {
    /// Reads a comma list of sets (`core`), sections (`6`), groups (`6.4`), cases (`6.4.3`); a `*` is any number.
    pub(crate) fn parse(spec: &str) -> Result<Self, String> {
        let part = |word: &str| {
            let (cases, without) = match SETS.iter().find(|set| set.name == word) {
                Some(set) => (set.cases, set.without),
                None => (&[word][..], &[][..]),
            };
            let patterns =
                |words: &[&str]| words.iter().copied().map(Pattern::parse).collect::<Result<_, _>>();
            Ok(Part { word: word.to_owned(), cases: patterns(cases)?, without: patterns(without)? })
        };
        spec.split(',').map(|word| part(word.trim())).collect::<Result<_, _>>().map(Self)
    }

    /// The cases among the known ones that are selected, in the suite's order; an error names a word without any.
    pub(crate) fn choose(&self, known: &[String]) -> Result<Vec<String>, String> {
        if let Some(empty) = self.0.iter().find(|part| !known.iter().any(|case| part.takes(case))) {
            return Err(format!("the testsuite has no case `{}`", empty.word));
        }
        Ok(known.iter().filter(|case| self.0.iter().any(|part| part.takes(case))).cloned().collect())
    }
}

impl Part {
    fn takes(&self, case: &str) -> bool {
        let matches = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(case));
        matches(&self.cases) && !matches(&self.without)
    }
}

/// The leading numbers of cases; `None` is any number.
#[derive(Debug, PartialEq)]
struct Pattern(Vec<Option<u32>>);

impl Pattern {
    fn parse(word: &str) -> Result<Self, String> {
        let number = |part: &str| match part {
            "*" => Ok(None),
            digits => digits.parse().map(Some),
        };
        let numbers: Result<_, _> = word.split('.').map(number).collect();
        numbers.map(Self).map_err(|_| {
            let names = SETS.map(|set| set.name).join(", ");
            format!("`{word}` is neither a set of cases ({names}) nor cases (`6`, `6.4`, `12.*.3`)")
        })
    }

    fn matches(&self, case: &str) -> bool {
        let mut numbers = case.split('.').map(|number| number.parse().ok());
        self.0.iter().all(|wanted| match (wanted, numbers.next()) {
            (Some(_), Some(number)) => *wanted == number,
            (None, Some(_)) => true,
            (_, None) => false,
        })
    }
}

/// The first number of a case, by which the suite groups them.
pub(super) fn section(case: &str) -> &str {
    case.split_once('.').map_or(case, |(section, _)| section)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 12] = [
        "1.1.1", "1.1.2", "5.18", "5.19", "5.20", "6.4.1", "6.5.1", "9.1.1", "10.1.1", "12.1.1", "12.2.1",
        "13.1.1",
    ];

    fn choose(spec: &str) -> Result<String, String> {
        let known = KNOWN.map(str::to_owned);
        Ok(Selection::parse(spec)?.choose(&known)?.join(" "))
    }

    #[test]
    fn a_number_selects_its_section_and_none_that_begins_alike() {
        assert_eq!(choose("1").as_deref(), Ok("1.1.1 1.1.2"));
    }

    #[test]
    fn a_star_is_any_number() {
        assert_eq!(choose("12.*.1").as_deref(), Ok("12.1.1 12.2.1"));
        assert_eq!(choose("1.*").as_deref(), Ok("1.1.1 1.1.2"));
    }

    #[test]
    fn several_words_select_in_the_order_of_the_suite_and_once() {
        assert_eq!(choose("9,1.1.2, 1").as_deref(), Ok("1.1.1 1.1.2 9.1.1"));
    }

    #[test]
    fn quick_leaves_out_limits_deflate_and_the_cases_that_wait() {
        assert_eq!(choose("quick").as_deref(), Ok("1.1.1 1.1.2 5.18 6.5.1 10.1.1"));
    }

    #[test]
    fn what_a_set_leaves_out_another_word_brings_in() {
        assert_eq!(choose("quick,5.19").as_deref(), Ok("1.1.1 1.1.2 5.18 5.19 6.5.1 10.1.1"));
    }

    #[test]
    fn core_and_deflate_are_all() {
        assert_eq!(choose("core,deflate"), choose("all"));
        assert_eq!(choose("all"), Ok(KNOWN.join(" ")));
    }

    #[test]
    fn a_word_that_selects_nothing_is_named() {
        assert_eq!(choose("1,8"), Err("the testsuite has no case `8`".to_owned()));
        assert_eq!(choose("5.18.1"), Err("the testsuite has no case `5.18.1`".to_owned()));
    }

    #[test]
    fn a_word_that_is_no_case_is_refused_before_anything_is_set_up() {
        for spec in ["qick", "", "1,", "1.x", "6.*x"] {
            assert!(Selection::parse(spec).is_err(), "{spec:?} was taken");
        }
    }
}
