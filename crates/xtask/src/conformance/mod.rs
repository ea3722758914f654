//! `cargo xtask conformance`: the Autobahn testsuite against `ws-echo` or `ws-client`, and what it thinks of it.

mod cases;
mod suite;
mod server;
mod client;
mod report;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::run::{cargo, run_until, target};
use client::Client;
use report::Report;
use server::Server;
use suite::Suite;

pub(crate) use cases::{SETS, Selection};

/// Room for all cases on a slow machine, some 12 minutes of which a quick one needs.
pub(crate) const MINUTES: u64 = 60;
/// For the quick set, which runs for seconds; the rest is for the first set-up and build.
const QUICK_MINUTES: u64 = 30;

/// Runs the cases, tells what came out, and fails if one of them did.
///
/// The limit is for everything, from the set-up to the last case. What did not run by then has failed.
pub(crate) fn run(role: Role, selection: &Selection, limit: Duration) -> Result<(), String> {
    let python27 = suite::python27().ok_or(NO_PYTHON)?;
    run_by(&python27, role, selection, limit)
}

/// Whom the suite attacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Server,
    Client,
}

/// The step of `cargo xtask test`: the quick set in both roles, where there is a Python 2.7 to run it by.
pub(crate) fn quick() -> Result<(), String> {
    let Some(python27) = suite::python27() else {
        println!("not run: {NO_PYTHON}");
        return Ok(());
    };
    let quick = Selection::parse("quick")?;
    for role in [Role::Server, Role::Client] {
        run_by(&python27, role, &quick, Duration::from_secs(QUICK_MINUTES * 60))
            .map_err(|why| format!("{why}; `--skip conformance` goes on without"))?;
    }
    Ok(())
}

fn run_by(python27: &Path, role: Role, selection: &Selection, limit: Duration) -> Result<(), String> {
    let deadline = Instant::now() + limit;
    let folder = target().join("conformance");
    let suite = Suite::set_up(python27, &folder.join("python"), deadline)?;
    let chosen = selection.choose(&suite.cases()?)?;
    let reports = folder.join("reports").join(role.name());
    // What an earlier run left says nothing about this one.
    let _ = fs::remove_dir_all(&reports);
    fs::create_dir_all(&reports).map_err(|e| format!("cannot create {}: {e}", reports.display()))?;
    let mut subject = Subject::new(role, &suite, &reports, deadline)?;
    println!("{} cases against {}", chosen.len(), role.name());

    let mut failed = 0;
    for cases in chosen.chunk_by(|a, b| cases::section(a) == cases::section(b)) {
        failed +=
            run_section(&suite, &mut subject, cases, &reports.join(cases::section(&cases[0])), deadline);
    }
    let pages = reports.join("*/index.html");
    println!("reports: {}\n{} passed, {failed} failed", pages.display(), chosen.len() - failed);
    if failed > 0 {
        return Err(format!("{failed} of {} Autobahn cases failed", chosen.len()));
    }
    Ok(())
}

/// Runs the cases of one section, and returns how many failed.
///
/// The suite is started for each, since it reports at its very end: one that is cut short costs its section, not all.
fn run_section(
    suite: &Suite,
    subject: &mut Subject,
    cases: &[String],
    folder: &Path,
    deadline: Instant,
) -> usize {
    let start = Instant::now();
    let section = cases::section(&cases[0]);
    let end = subject.attack(suite, cases, folder, deadline);
    let report = Report::read(folder, subject.role().name());
    // Why cases are missing: the reason for a broken run first, as a broken report only follows from it.
    let why = end.as_ref().err().or(report.as_ref().err()).map_or("not in the report", String::as_str);
    let judged: Vec<_> = cases
        .iter()
        .map(|case| {
            let outcome = report.as_ref().ok().and_then(|report| report.outcome(case));
            (case, outcome.unwrap_or_else(|| report::Outcome::missing(why)))
        })
        .collect();

    for (case, outcome) in judged.iter().filter(|(_, outcome)| !outcome.is_plain()) {
        println!("{} {case:8} {outcome}", if outcome.passed() { "pass" } else { "FAIL" });
    }
    let failed = judged.iter().filter(|(_, outcome)| !outcome.passed()).count();
    println!(
        "section {section}: {} cases, {failed} failed, {:.1} s",
        cases.len(),
        start.elapsed().as_secs_f32()
    );
    failed
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Server => server::NAME,
            Self::Client => client::NAME,
        }
    }
}

/// What is under attack.
enum Subject {
    Server(Server),
    Client(Client),
}

impl Subject {
    fn new(role: Role, suite: &Suite, reports: &Path, deadline: Instant) -> Result<Self, String> {
        match role {
            Role::Server => {
                run_until(&mut cargo("build --release --package ws-echo"), deadline)?;
                Server::start(suite, &reports.join("ws-echo.log"), deadline).map(Self::Server)
            }
            Role::Client => Client::build().map(Self::Client),
        }
    }

    fn role(&self) -> Role {
        match self {
            Self::Server(_) => Role::Server,
            Self::Client(_) => Role::Client,
        }
    }

    fn attack(
        &mut self,
        suite: &Suite,
        cases: &[String],
        folder: &Path,
        deadline: Instant,
    ) -> Result<(), String> {
        match self {
            Self::Server(server) => {
                server.check()?;
                suite.attack(server.url(), cases, folder, deadline)?;
                server.check()
            }
            Self::Client(client) => client.run(suite, cases, folder, deadline),
        }
    }
}

const NO_PYTHON: &str = "the Autobahn testsuite needs a Python 2.7 with pip, and there is none: \
                         neither `PYTHON27`, nor a `python2.7` on the PATH, nor one of pyenv's versions";
