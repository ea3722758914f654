//! `cargo xtask`: the chores of whoever works on Zeroxide.
//!
//! Here are the usage text and the choice of the chore. What `cargo xtask test` does stands in `test.rs`, as one list.

mod test;
mod conformance;
mod fuzz;
mod bench;

mod browser;
mod foreign;
mod hub_js;
mod run;

use std::env;
use std::process::ExitCode;
use std::time::Duration;

use conformance::{Role, Selection};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let result = match Chore::parse(&arguments) {
        Ok(Chore::Usage) => {
            println!("{}", usage());
            Ok(())
        }
        Ok(Chore::Test { skipped }) => test::run(&skipped),
        Ok(Chore::Conformance { role, cases, limit }) => conformance::run(role, &cases, limit),
        Ok(Chore::Fuzz { target, minutes }) => fuzz::run_target(target, minutes),
        Ok(Chore::Bench { arguments }) => bench::run_with(&arguments),
        Err(mistake) => {
            eprintln!("{mistake}\n\n{}", usage());
            return ExitCode::from(2);
        }
    };
    if let Err(failure) = result {
        eprintln!("\n{failure}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// What the command line asks for.
#[derive(Debug, PartialEq)]
enum Chore {
    Usage,
    Test {
        skipped: Vec<String>,
    },
    Conformance {
        role: Role,
        cases: Selection,
        limit: Duration,
    },
    Fuzz {
        target: &'static str,
        minutes: u64,
    },
    /// What the words mean is for the program to say that measures.
    Bench {
        arguments: Vec<String>,
    },
}

impl Chore {
    fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut arguments = arguments.iter().map(String::as_str);
        let chore = arguments.next().unwrap_or("help");
        let arguments: Vec<&str> = arguments.collect();
        if ["help", "-h", "--help"].contains(&chore)
            || arguments.iter().any(|word| ["-h", "--help"].contains(word))
        {
            return Ok(Self::Usage);
        }
        match chore {
            "test" => Self::parse_test(&arguments),
            "conformance" => Self::parse_conformance(&arguments),
            "fuzz" => Self::parse_fuzz(&arguments),
            "bench" => Ok(Self::Bench { arguments: arguments.into_iter().map(str::to_owned).collect() }),
            other => Err(format!("there is no chore `{other}`")),
        }
    }

    fn parse_test(arguments: &[&str]) -> Result<Self, String> {
        let mut arguments = arguments.iter();
        let mut skipped = Vec::new();
        while let Some(&argument) = arguments.next() {
            match argument {
                "--skip" => {
                    let &step = arguments.next().ok_or("`--skip` needs the name of a step")?;
                    if !test::STEPS.iter().any(|known| known.name == step) {
                        return Err(format!("there is no step `{step}` to skip"));
                    }
                    skipped.push(step.to_owned());
                }
                other => return Err(format!("`test` does not know `{other}`")),
            }
        }
        Ok(Self::Test { skipped })
    }

    fn parse_conformance(arguments: &[&str]) -> Result<Self, String> {
        let mut arguments = arguments.iter();
        let (mut role, mut cases, mut minutes) = (Role::Server, "core", conformance::MINUTES);
        while let Some(&argument) = arguments.next() {
            match argument {
                "--client" => role = Role::Client,
                "--cases" => cases = arguments.next().ok_or("`--cases` needs a list of cases")?,
                "--minutes" => minutes = whole_number(arguments.next())?,
                other => return Err(format!("`conformance` does not know `{other}`")),
            }
        }
        let cases = Selection::parse(cases)?;
        Ok(Self::Conformance { role, cases, limit: Duration::from_secs(minutes * 60) })
    }

    fn parse_fuzz(arguments: &[&str]) -> Result<Self, String> {
        let mut arguments = arguments.iter();
        let (mut target, mut minutes) = (fuzz::TARGETS[0], fuzz::MINUTES);
        while let Some(&argument) = arguments.next() {
            match argument {
                "--minutes" => minutes = whole_number(arguments.next())?,
                name => {
                    let known = fuzz::TARGETS.into_iter().find(|known| *known == name);
                    target = known.ok_or_else(|| format!("`fuzz` does not know `{name}`"))?;
                }
            }
        }
        Ok(Self::Fuzz { target, minutes })
    }
}

/// What stands behind `--minutes`.
fn whole_number(argument: Option<&&str>) -> Result<u64, String> {
    let number = argument.and_then(|number| number.parse::<u32>().ok());
    number.map(u64::from).ok_or_else(|| "`--minutes` needs a whole number".to_owned())
}

fn usage() -> String {
    let row = |(name, purpose): (&str, &str)| format!("\n      {name:11} {purpose}");
    let steps: String = test::STEPS.iter().map(|step| row((step.name, step.purpose))).collect();
    let sets: String = conformance::SETS.iter().map(|set| row((set.name, set.purpose))).collect();
    let (minutes, fuzz_minutes, targets) = (conformance::MINUTES, fuzz::MINUTES, fuzz::TARGETS.join("|"));
    format!(
        "usage: cargo xtask <chore>\n\n  \
         test [--skip STEP]...   all that must hold before a change lands, step by step:{steps}\n\n  \
         conformance [--client] [--cases SPEC] [--minutes LIMIT]\n      \
         the Autobahn testsuite on ws-echo, or on ws-client, for at most LIMIT minutes ({minutes}); needs a Python 2.7 \
         with pip\n      \
         SPEC is a comma list of cases (`6`, `6.4`, `6.4.3`, `12.*.3`) and of sets (core):{sets}\n\n  \
         fuzz [{targets}] [--minutes N]\n      \
         feeds a socket, or a route, with what may come over the wire, guided by coverage ({fuzz_minutes}); needs a nightly \
         compiler\n\n  \
         bench KIND [--connections N] [--seconds N] [--rounds N]\n      \
         our servers and their peers under load, side by side, on loopback: `http`, `ws-echo`, `ws-fanout` and more;\n      \
         without a KIND it says which there are"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Chore, String> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Chore::parse(&arguments)
    }

    #[test]
    fn no_arguments_ask_for_the_usage() {
        assert_eq!(parse(""), Ok(Chore::Usage));
    }

    #[test]
    fn several_steps_can_be_skipped() {
        let skipped = vec!["browser".to_owned(), "foreign".to_owned()];
        assert_eq!(parse("test --skip browser --skip foreign"), Ok(Chore::Test { skipped }));
    }

    #[test]
    fn unknown_words_are_named() {
        assert_eq!(parse("tset"), Err("there is no chore `tset`".to_owned()));
        assert_eq!(parse("test --skip brwser"), Err("there is no step `brwser` to skip".to_owned()));
        assert_eq!(parse("test --fast"), Err("`test` does not know `--fast`".to_owned()));
        assert_eq!(parse("test --skip"), Err("`--skip` needs the name of a step".to_owned()));
    }

    #[test]
    fn conformance_runs_the_core_for_an_hour_unless_told_otherwise() {
        let chore = |role, cases, minutes: u64| {
            Ok(Chore::Conformance {
                role,
                cases: Selection::parse(cases).unwrap(),
                limit: Duration::from_secs(minutes * 60),
            })
        };
        assert_eq!(parse("conformance"), chore(Role::Server, "core", 60));
        assert_eq!(parse("conformance --client"), chore(Role::Client, "core", 60));
        assert_eq!(parse("conformance --cases 1,6.4 --minutes 5"), chore(Role::Server, "1,6.4", 5));
    }

    #[test]
    fn what_conformance_cannot_do_is_said_at_once() {
        assert!(parse("conformance --cases cor").unwrap_err().contains("`cor`"));
        assert_eq!(parse("conformance --cases"), Err("`--cases` needs a list of cases".to_owned()));
        assert_eq!(parse("conformance --minutes x"), Err("`--minutes` needs a whole number".to_owned()));
        assert_eq!(parse("conformance --fast"), Err("`conformance` does not know `--fast`".to_owned()));
    }

    #[test]
    fn a_fuzz_target_runs_for_ten_minutes_unless_told_otherwise() {
        assert_eq!(parse("fuzz"), Ok(Chore::Fuzz { target: "socket", minutes: 10 }));
        assert_eq!(parse("fuzz handshake --minutes 2"), Ok(Chore::Fuzz { target: "handshake", minutes: 2 }));
        assert_eq!(parse("fuzz sockt"), Err("`fuzz` does not know `sockt`".to_owned()));
        assert_eq!(parse("fuzz --minutes"), Err("`--minutes` needs a whole number".to_owned()));
    }

    #[test]
    fn a_bench_gets_its_words_as_they_are() {
        let arguments = vec!["http".to_owned(), "--rounds".to_owned(), "2".to_owned()];
        assert_eq!(parse("bench http --rounds 2"), Ok(Chore::Bench { arguments }));
    }

    #[test]
    fn the_usage_lists_every_step() {
        for step in test::STEPS {
            assert!(usage().contains(step.name), "`{}` is missing in:\n{}", step.name, usage());
        }
    }
}
