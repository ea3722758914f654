//! `cargo xtask conformance`: the Autobahn testsuite against `ws-echo`, and what it thinks of it.

mod cases;
mod suite;
mod server;
mod report;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::run::{cargo, run_until, target};
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
pub(crate) fn run(selection: &Selection, limit: Duration) -> Result<(), String> {
    let python27 = suite::python27().ok_or(NO_PYTHON)?;
    run_by(&python27, selection, limit)
}

/// The step of `cargo xtask test`: the quick set, where there is a Python 2.7 to run it by.
pub(crate) fn quick() -> Result<(), String> {
    let Some(python27) = suite::python27() else {
        println!("not run: {NO_PYTHON}");
        return Ok(());
    };
    let quick = Selection::parse("quick")?;
    run_by(&python27, &quick, Duration::from_secs(QUICK_MINUTES * 60))
        .map_err(|why| format!("{why}; `--skip conformance` goes on without"))
}

fn run_by(python27: &Path, selection: &Selection, limit: Duration) -> Result<(), String> {
    let deadline = Instant::now() + limit;
    let folder = target().join("conformance");
    let suite = Suite::set_up(python27, &folder.join("python"), deadline)?;
    let chosen = selection.choose(&suite.cases()?)?;
    run_until(&mut cargo("build --release --package ws-echo"), deadline)?;

    let reports = folder.join("reports");
    // What an earlier run left says nothing about this one.
    let _ = fs::remove_dir_all(&reports);
    fs::create_dir_all(&reports).map_err(|e| format!("cannot create {}: {e}", reports.display()))?;
    let mut server = Server::start(&suite, &reports.join("ws-echo.log"), deadline)?;
    println!("{} cases against {}", chosen.len(), server.url());

    let mut failed = 0;
    for cases in chosen.chunk_by(|a, b| cases::section(a) == cases::section(b)) {
        failed += run_section(&suite, &mut server, cases, &reports, deadline);
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
/// A fuzzing client for each, since it reports at its very end: one that is cut short costs its section, not all.
fn run_section(
    suite: &Suite,
    server: &mut Server,
    cases: &[String],
    reports: &Path,
    deadline: Instant,
) -> usize {
    let start = Instant::now();
    let section = cases::section(&cases[0]);
    let folder: PathBuf = reports.join(section);
    let end = server.check().and_then(|()| suite.attack(server.url(), cases, &folder, deadline));
    let end = end.and_then(|()| server.check());
    let report = Report::read(&folder, server::NAME);
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

const NO_PYTHON: &str = "the Autobahn testsuite needs a Python 2.7 with pip, and there is none: \
                         neither `PYTHON27`, nor a `python2.7` on the PATH, nor one of pyenv's versions";
