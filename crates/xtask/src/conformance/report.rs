//! What the suite reports, and what of it passes.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// What passes. Everything else fails, so also what a later version of the suite may invent.
const PASSES: [&str; 3] = ["OK", "NON-STRICT", "INFORMATIONAL"];

/// The report of one run of the fuzzing client: an index, and a file for each case.
#[derive(Debug)]
pub(super) struct Report {
    /// By case.
    index: Value,
    folder: PathBuf,
}

impl Report {
    /// Reads the report on an agent; the error says why there is none.
    pub(super) fn read(folder: &Path, agent: &str) -> Result<Self, String> {
        let mut agents = read(&folder.join("index.json"))?;
        let index = agents.get_mut(agent).map(Value::take);
        let index = index.ok_or_else(|| format!("the report in {} is not on {agent}", folder.display()))?;
        Ok(Self { index, folder: folder.to_owned() })
    }

    /// How a case came out; `None` if it did not run.
    pub(super) fn outcome(&self, case: &str) -> Option<Outcome> {
        let entry = self.index.get(case)?;
        let mut outcome = Outcome::of(entry)?;
        if let Some(file) = entry["reportfile"].as_str()
            && let Ok(details) = read(&self.folder.join(file))
        {
            outcome.explain(&details);
        }
        Some(outcome)
    }
}

/// How a case came out.
#[derive(Debug, PartialEq)]
pub(super) struct Outcome {
    /// What the suite thinks of the server's behavior, and of its closing.
    behavior: String,
    closing: String,
    /// The suite's reason for the worse of both, if it gave one.
    why: String,
}

impl Outcome {
    /// A case that the report does not have.
    pub(super) fn missing(why: &str) -> Self {
        Self { behavior: "DID NOT RUN".to_owned(), closing: "DID NOT RUN".to_owned(), why: why.to_owned() }
    }

    fn of(entry: &Value) -> Option<Self> {
        let text = |key: &str| Some(entry[key].as_str()?.to_owned());
        Some(Self { behavior: text("behavior")?, closing: text("behaviorClose")?, why: String::new() })
    }

    fn explain(&mut self, details: &Value) {
        let wrong_close = passes(&self.behavior) && !passes(&self.closing);
        let keys = if wrong_close { &["resultClose", "wasNotCleanReason"][..] } else { &["result"] };
        let reasons: Vec<&str> = keys.iter().filter_map(|key| details[key].as_str()).collect();
        let reason = reasons.join("; ");
        // On one line, however the suite wrapped it, and a payload in it not at length.
        self.why = reason.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect();
    }

    pub(super) fn passed(&self) -> bool {
        passes(&self.behavior) && passes(&self.closing)
    }

    /// Whether there is nothing to say.
    pub(super) fn is_plain(&self) -> bool {
        self.behavior == "OK" && self.closing == "OK"
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.behavior)?;
        if self.closing != self.behavior {
            write!(f, ", closing {}", self.closing)?;
        }
        if !self.why.is_empty() {
            write!(f, ": {}", self.why)?;
        }
        Ok(())
    }
}

fn passes(what: &str) -> bool {
    PASSES.contains(&what)
}

fn read(file: &Path) -> Result<Value, String> {
    let text = fs::read(file).map_err(|e| format!("no report in {}: {e}", file.display()))?;
    serde_json::from_slice(&text).map_err(|e| format!("{} is no JSON: {e}", file.display()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report(index: Value) -> Report {
        Report { index, folder: PathBuf::from("/no-such-folder") }
    }

    fn outcome(behavior: &str, closing: &str) -> Outcome {
        let index =
            json!({ "1.1.1": { "behavior": behavior, "behaviorClose": closing, "remoteCloseCode": 1000 } });
        report(index).outcome("1.1.1").expect("a case of the report")
    }

    #[test]
    fn ok_non_strict_and_informational_pass() {
        for (behavior, closing) in [("OK", "OK"), ("NON-STRICT", "OK"), ("INFORMATIONAL", "INFORMATIONAL")] {
            assert!(outcome(behavior, closing).passed(), "{behavior}, {closing}");
        }
    }

    #[test]
    fn what_is_not_implemented_has_failed_and_so_has_the_unknown() {
        for behavior in ["FAILED", "UNIMPLEMENTED", "WRONG CODE", "ok", ""] {
            assert!(!outcome(behavior, "OK").passed(), "{behavior}");
        }
    }

    #[test]
    fn a_wrong_closing_fails_a_case_that_is_ok_otherwise() {
        for closing in ["FAILED", "WRONG CODE", "UNCLEAN", "FAILED BY CLIENT", "UNIMPLEMENTED"] {
            assert!(!outcome("OK", closing).passed(), "{closing}");
        }
    }

    #[test]
    fn only_ok_and_ok_needs_no_line() {
        assert!(outcome("OK", "OK").is_plain());
        assert!(!outcome("OK", "INFORMATIONAL").is_plain());
        assert!(!outcome("NON-STRICT", "OK").is_plain());
    }

    #[test]
    fn a_case_that_is_not_in_the_report_or_only_half_did_not_run() {
        let report = report(json!({ "1.1.2": { "behavior": "OK" }, "1.1.3": null }));
        for case in ["1.1.1", "1.1.2", "1.1.3"] {
            assert_eq!(report.outcome(case), None, "{case}");
        }
        let missing = Outcome::missing("the time was up");
        assert!(!missing.passed());
        assert_eq!(missing.to_string(), "DID NOT RUN: the time was up");
    }

    #[test]
    fn the_reason_is_the_one_for_what_went_wrong() {
        let details = json!({
            "result": "Actual events\n  differ.",
            "resultClose": "Wrong close code",
            "wasNotCleanReason": null,
        });
        let mut wrong_close = outcome("OK", "WRONG CODE");
        wrong_close.explain(&details);
        assert_eq!(wrong_close.to_string(), "OK, closing WRONG CODE: Wrong close code");
        let mut failed = outcome("FAILED", "OK");
        failed.explain(&details);
        assert_eq!(failed.to_string(), "FAILED, closing OK: Actual events differ.");
    }

    #[test]
    fn a_folder_without_a_report_says_so() {
        let error = Report::read(Path::new("/no-such-folder"), "ws-echo").unwrap_err();
        assert!(error.starts_with("no report in /no-such-folder/index.json: "), "{error}");
    }
}
