//! The client under attack: `ws-client`, run once for each case.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::Value;

use super::suite::Suite;
use crate::run::{cargo, finish_until};

/// What the reports call it.
pub(super) const NAME: &str = "ws-client";

pub(super) struct Client {
    program: PathBuf,
}

impl Client {
    pub(super) fn build() -> Result<Self, String> {
        println!("$ cargo build --release --package {NAME}");
        let mut build = cargo("build --release --message-format json-render-diagnostics --package");
        let built = build.arg(NAME).stdin(Stdio::null()).stderr(Stdio::inherit()).output();
        let built = built.map_err(|e| format!("cargo cannot be run: {e}"))?;
        let program = executable(&String::from_utf8_lossy(&built.stdout)).filter(|_| built.status.success());
        Ok(Self {
            program: program.ok_or_else(|| format!("`cargo build` of {NAME} ended with {}", built.status))?,
        })
    }

    /// Runs these cases, and has the report written.
    pub(super) fn run(
        &self,
        suite: &Suite,
        cases: &[String],
        folder: &Path,
        deadline: Instant,
    ) -> Result<(), String> {
        let mut server = suite.serve(cases, folder, deadline)?;
        let failed = |e| format!("cannot write to {}: {e}", folder.display());
        let log = File::create(folder.join(format!("{NAME}.log"))).map_err(failed)?;
        let visits = (1..=cases.len()).map(|case| format!("runCase?case={case}&agent={NAME}"));
        for visit in visits.chain([format!("updateReports?agent={NAME}")]) {
            let mut client = suite.leashed(Command::new(&self.program).arg("--echo").arg(server.url(&visit)));
            client.stdout(Stdio::null()).stderr(log.try_clone().map_err(failed)?);
            // Whatever it says of a server that breaks the rules: the suite judges it, unless it hangs.
            let end = finish_until(&mut client, deadline);
            server.check()?;
            if Instant::now() >= deadline {
                return end.map_err(|how| format!("{NAME} {how}"));
            }
        }
        Ok(())
    }
}

/// The program that cargo says it has built.
fn executable(messages: &str) -> Option<PathBuf> {
    messages.lines().find_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        (message["target"]["name"] == NAME).then_some(())?;
        Some(message["executable"].as_str()?.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_found_among_cargos_messages() {
        let messages = r#"
            {"reason":"compiler-artifact","target":{"name":"ws"},"executable":null}
            {"reason":"compiler-artifact","target":{"name":"ws-echo"},"executable":"/t/ws-echo"}
            {"reason":"compiler-artifact","target":{"name":"ws-client"},"executable":"/t/ws-client"}
            {"reason":"build-finished","success":true}"#;
        assert_eq!(executable(messages), Some("/t/ws-client".into()));
        assert_eq!(executable(""), None);
    }
}
