//! `cargo xtask`: the chores of whoever works on Zeroxide, with nothing but the standard library.
//!
//! Here are the usage text and the choice of the chore. What `cargo xtask test` does stands in `test.rs`, as one list.

mod test;

mod browser;
mod foreign;
mod run;

use std::env;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match Chore::parse(&arguments) {
        Ok(Chore::Usage) => println!("{}", usage()),
        Ok(Chore::Test { skipped }) => {
            if let Err(failure) = test::run(&skipped) {
                eprintln!("\n{failure}");
                return ExitCode::FAILURE;
            }
        }
        Err(mistake) => {
            eprintln!("{mistake}\n\n{}", usage());
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

/// What the command line asks for.
#[derive(Debug, PartialEq)]
enum Chore {
    Usage,
    Test { skipped: Vec<String> },
}

impl Chore {
    fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut arguments = arguments.iter().map(String::as_str);
        match arguments.next() {
            None | Some("help" | "-h" | "--help") => return Ok(Self::Usage),
            Some("test") => {}
            Some(other) => return Err(format!("there is no chore `{other}`")),
        }
        let mut skipped = Vec::new();
        while let Some(argument) = arguments.next() {
            match argument {
                "-h" | "--help" => return Ok(Self::Usage),
                "--skip" => {
                    let step = arguments.next().ok_or("`--skip` needs the name of a step")?;
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
}

fn usage() -> String {
    let steps: String =
        test::STEPS.iter().map(|step| format!("\n      {:8} {}", step.name, step.purpose)).collect();
    format!(
        "usage: cargo xtask <chore>\n\n  \
         test [--skip STEP]...   all that must hold before a change lands, step by step:{steps}"
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
    fn the_usage_lists_every_step() {
        for step in test::STEPS {
            assert!(usage().contains(step.name), "`{}` is missing in:\n{}", step.name, usage());
        }
    }
}
