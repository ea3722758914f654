//! `cargo xtask test`: the steps, in their order, and the loop that goes through them.

use std::time::Instant;

use crate::run::{cargo, run as command, succeeds};
use crate::{browser, conformance, foreign, hub_js};

/// What must hold before a change lands. The first that fails ends the run.
pub(crate) const STEPS: [Step; 10] = [
    Step {
        name: "fmt",
        purpose: "the formatting is rustfmt's",
        run: || {
            component("rustfmt", "fmt")?;
            command(&mut cargo("fmt --all --check"))
        },
    },
    Step {
        name: "clippy",
        purpose: "no warning anywhere",
        run: || {
            component("clippy", "clippy")?;
            command(&mut cargo("clippy --workspace --all-targets -- -D warnings"))?;
            // For clippy as for a plain `cargo test`, all targets are all but this one.
            command(&mut cargo("clippy --package it --test browser -- -D warnings"))
        },
    },
    // Before the tests, which look for what it sets up.
    Step { name: "foreign", purpose: "clients and tools of other languages, set up", run: foreign::set_up },
    Step {
        name: "test",
        purpose: "all tests, those in the documentation too",
        run: || command(cargo("test --workspace").envs(foreign::variables())),
    },
    Step {
        name: "interleavings",
        purpose: "what two threads share holds in all orders of their steps, by loom",
        run: || {
            for package in MODELLED {
                command(&mut cargo(&format!(
                    "clippy --package {package} --tests --features _loom -- -D warnings"
                )))?;
                command(&mut cargo(&format!(
                    "test --package {package} --lib --features _loom interleavings"
                )))?;
            }
            Ok(())
        },
    },
    Step {
        name: "otlp",
        purpose: "traces by OTLP, a feature that nothing else here has: its lints, tests and documentation",
        run: || {
            let package = "--package zeroxide-rest --features otlp";
            command(&mut cargo(&format!("clippy {package} --lib --test otlp -- -D warnings")))?;
            command(&mut cargo(&format!("test {package} --test otlp")))?;
            command(cargo(&format!("doc {package} --no-deps")).env("RUSTDOCFLAGS", "-D warnings"))
        },
    },
    Step {
        name: "hub.js",
        purpose: "the browser's client: its types, and its tests in Node on the real chat server",
        run: hub_js::test,
    },
    Step {
        name: "conformance",
        purpose: "ws-echo and ws-client pass Autobahn's quick cases, where there is a Python 2.7",
        run: conformance::quick,
    },
    Step {
        name: "doc",
        purpose: "the documentation builds, with every link in it",
        run: || command(cargo("doc --workspace --no-deps").env("RUSTDOCFLAGS", "-D warnings")),
    },
    // Last: where no browser can be had, all the rest has been tried before that is said.
    Step {
        name: "browser",
        purpose: "Chromium on the chat page; installed if missing",
        run: || {
            let mut tests = cargo("test --package it --test browser");
            command(tests.envs(browser::set_up()?).envs(foreign::variables()))
        },
    },
];

/// Those with a module `interleavings`, and a feature `_loom` that its shared types are loom's with.
const MODELLED: [&str; 2] = ["zeroxide-hub", "zeroxide-ws"];

/// One of the things that must hold.
pub(crate) struct Step {
    /// What `--skip` calls it.
    pub(crate) name: &'static str,
    /// A line for the usage text.
    pub(crate) purpose: &'static str,
    run: fn() -> Result<(), String>,
}

/// Goes through the steps that are not skipped, until one fails.
pub(crate) fn run(skipped: &[String]) -> Result<(), String> {
    let start = Instant::now();
    for (index, step) in STEPS.iter().enumerate() {
        let title = format!("[{}/{}] {}", index + 1, STEPS.len(), step.name);
        if skipped.iter().any(|name| name == step.name) {
            println!("{title}: skipped, as told");
            continue;
        }
        println!("{title}: {}", step.purpose);
        let start = Instant::now();
        let seconds = || start.elapsed().as_secs_f32();
        (step.run)().map_err(|why| format!("{title}: failed after {:.1} s: {why}", seconds()))?;
        println!("{title}: done in {:.1} s\n", seconds());
    }
    println!("all steps done in {:.0} s", start.elapsed().as_secs_f32());
    if !skipped.is_empty() {
        println!("not done, as told: {}", skipped.join(", "));
    }
    Ok(())
}

/// Fails with the way to get it when a component of the toolchain is missing.
fn component(name: &str, subcommand: &str) -> Result<(), String> {
    if succeeds(cargo(subcommand).arg("--version")) {
        return Ok(());
    }
    Err(format!("{name} is not installed; `rustup component add {name}` installs it"))
}
