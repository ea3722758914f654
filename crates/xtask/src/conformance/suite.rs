//! The Autobahn testsuite: a package for Python 2.7, set up in an environment of its own.

use std::env;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{self, Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::server;
use crate::run::{Child, find, finish_until, output, run_until, succeeds};

/// A Python 2.7 with pip and what the suite needs of the standard library, if there is one.
pub(super) fn python27() -> Option<PathBuf> {
    candidates(
        // Absolute, as pip runs in another folder.
        env::var_os("PYTHON27").and_then(|file| path::absolute(file).ok()),
        find(&["python2.7"]),
        env::var_os("PYENV_ROOT")
            .map(PathBuf::from)
            .or_else(|| env::home_dir().map(|home| home.join(".pyenv")))
            .as_deref(),
    )
    .into_iter()
    // By trying it: pyenv puts a `python2.7` on the PATH that only says which version to choose.
    .find(|python| succeeds(clean(python).args(["-c", PROBE])))
}

/// Where a Python 2.7 may be, the one that was named first.
fn candidates(named: Option<PathBuf>, on_path: Option<PathBuf>, pyenv: Option<&Path>) -> Vec<PathBuf> {
    let versions = pyenv.and_then(|root| fs::read_dir(root.join("versions")).ok());
    let mut versions: Vec<PathBuf> = versions
        .into_iter()
        .flatten()
        .filter_map(|version| Some(version.ok()?.path()))
        .filter(|folder| folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with("2.7")))
        .map(|folder| folder.join("bin/python2.7"))
        .collect();
    versions.sort_unstable();
    named.into_iter().chain(on_path).chain(versions).collect()
}

/// The suite, set up.
pub(super) struct Suite {
    python: PathBuf,
}

impl Suite {
    /// Sets it up in a folder, unless an earlier run did.
    ///
    /// In three steps: virtualenv, as Python 2.7 has none of its own; by it the environment; in that the suite.
    pub(super) fn set_up(python27: &Path, folder: &Path, deadline: Instant) -> Result<Self, String> {
        let suite = Self { python: folder.join("bin/python") };
        let stamp = folder.join("stamp");
        let stamped = fs::read_to_string(&stamp).is_ok_and(|pins| pins == PINS);
        // It may be broken all the same: it dies with the Python that it was made by.
        if stamped && suite.cases().is_ok() {
            println!("Autobahn testsuite: there already");
            return Ok(suite);
        }
        let (virtualenv, app_data) = (folder.join("virtualenv"), folder.join("app-data"));
        // An older version, or what an interrupted run left.
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder).map_err(|e| format!("cannot create {}: {e}", folder.display()))?;
        let pip_install = |python: &Path, arguments: &[&str]| {
            let mut command = clean(python);
            command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(arguments);
            command.current_dir(LISTS);
            command
        };
        run_until(
            pip_install(python27, &["--requirement", "virtualenv.txt", "--target"]).arg(&virtualenv),
            deadline,
        )?;
        run_until(
            clean(python27)
                .env("PYTHONPATH", &virtualenv)
                .args(["-m", "virtualenv", "--quiet", "--no-download", "--app-data"])
                .args([&*app_data, folder]),
            deadline,
        )?;
        run_until(&mut pip_install(&suite.python, &["--requirement", "suite.txt"]), deadline)?;
        suite.cases()?;
        // They have done their part.
        let _ = fs::remove_dir_all(virtualenv).and_then(|()| fs::remove_dir_all(app_data));
        // Last, so that a set-up that was interrupted starts again.
        fs::write(stamp, PINS).map_err(|e| format!("cannot write the stamp: {e}"))?;
        println!("Autobahn testsuite: set up");
        Ok(suite)
    }

    /// All cases that the suite has, in its order.
    pub(super) fn cases(&self) -> Result<Vec<String>, String> {
        let listed = output(clean(&self.python).args(["-c", CASES]));
        let listed = listed.ok_or("the Autobahn testsuite does not list its cases")?;
        Ok(listed.lines().map(str::to_owned).collect())
    }

    /// Runs the fuzzing client on a server; what it says and reports goes to the folder.
    pub(super) fn attack(
        &self,
        url: &str,
        cases: &[String],
        folder: &Path,
        deadline: Instant,
    ) -> Result<(), String> {
        let servers = json!([{ "agent": server::NAME, "url": url }]);
        let mut client = self.wstest("fuzzingclient", ("servers", servers), cases, folder)?;
        finish_until(&mut client, deadline).map_err(|how| format!("the fuzzing client {how}"))
    }

    /// Starts the fuzzing server on a free port, and waits until it listens; what it says and reports goes to the folder.
    pub(super) fn serve(
        &self,
        cases: &[String],
        folder: &Path,
        deadline: Instant,
    ) -> Result<FuzzingServer, String> {
        let failed = |e| format!("cannot start the fuzzing server: {e}");
        // Free again until it takes it, as it must be told a number. Only another process's new socket could come between.
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = free.map_err(failed)?;
        let url = json!(format!("ws://{address}"));
        let mut command = self.wstest("fuzzingserver", ("url", url), cases, folder)?;
        // Without its pages, which would take a port too.
        let child = Child::spawn(command.args(["--webport", "0"]).stdin(Stdio::null())).map_err(failed)?;
        let mut server = FuzzingServer { child, address };
        let deadline = deadline.min(Instant::now() + START);
        while Instant::now() < deadline {
            server.check()?;
            if TcpStream::connect(address).is_ok() {
                return Ok(server);
            }
            thread::sleep(Duration::from_millis(20));
        }
        Err(format!("the fuzzing server does not listen; its log is in {}", folder.display()))
    }

    /// The suite's program in a mode, with a folder for all that it says and reports.
    fn wstest(
        &self,
        mode: &str,
        (key, value): (&str, Value),
        cases: &[String],
        folder: &Path,
    ) -> Result<Command, String> {
        let mut spec = json!({
            "outdir": folder,
            "cases": cases,
            "exclude-cases": [],
            "exclude-agent-cases": {},
        });
        spec[key] = value;
        let failed = |e| format!("cannot write to {}: {e}", folder.display());
        fs::create_dir_all(folder).map_err(failed)?;
        fs::write(folder.join("spec.json"), spec.to_string()).map_err(failed)?;
        let log = File::create(folder.join("wstest.log")).map_err(failed)?;
        let mut wstest = clean(&self.python);
        wstest.args(["-c", WSTEST, "--mode", mode, "--spec", "spec.json"]);
        let mut leashed = self.leashed(wstest.current_dir(folder));
        leashed.stderr(log.try_clone().map_err(failed)?).stdout(log);
        Ok(leashed)
    }

    /// A command that is killed when this process ends, in whatever way it does.
    pub(super) fn leashed(&self, command: &Command) -> Command {
        let mut leashed = clean(&self.python);
        leashed.args(["-c", LEASH]).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => leashed.env(name, value),
                None => leashed.env_remove(name),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            leashed.current_dir(folder);
        }
        leashed
    }
}

/// The running fuzzing server, ended on drop.
pub(super) struct FuzzingServer {
    child: Child,
    address: SocketAddr,
}

impl FuzzingServer {
    pub(super) fn url(&self, visit: &str) -> String {
        format!("ws://{}/{visit}", self.address)
    }

    /// Fails once it has ended, which it should not on its own.
    pub(super) fn check(&mut self) -> Result<(), String> {
        match self.child.ended() {
            None => Ok(()),
            Some(status) => Err(format!("the fuzzing server ended with {status}")),
        }
    }
}

/// From its start until it listens.
const START: Duration = Duration::from_secs(30);

/// A Python that finds only its own packages.
fn clean(python: &Path) -> Command {
    let mut command = Command::new(python);
    command.env_remove("PYTHONHOME").env_remove("PYTHONPATH");
    // Nobody needs to hear that it is old.
    command.env("PIP_NO_PYTHON_VERSION_WARNING", "1");
    command
}

/// The folder of the lists.
const LISTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/conformance");

/// All versions, of the suite and of what it depends on: the last ones that work with Python 2.7, and together.
const PINS: &str = concat!(include_str!("virtualenv.txt"), include_str!("suite.txt"));

const PROBE: &str = "import sys, ssl, zlib, pip; sys.exit(sys.version_info[:2] != (2, 7))";

const CASES: &str = "\
from autobahntestsuite import case, caseset
known = caseset.CaseSet(
    case.CaseSetname, case.CaseBasename, case.Cases, case.CaseCategories, case.CaseSubCategories)
print('\\n'.join(sorted(known.CasesIndices, key=known.caseIdtoIdTuple)))";

/// The program `wstest`, whose own first line names a Python by a path that may be too long for it.
const WSTEST: &str = "from autobahntestsuite import wstest; wstest.run()";

/// Asks for SIGKILL at the parent's end, `prctl(PR_SET_PDEATHSIG, SIGKILL)`, then becomes the command.
///
/// Where there is no such call, on all but Linux, the command outlives a chore that is killed outright.
const LEASH: &str = "\
import os, sys
try:
    import ctypes
    ctypes.CDLL(None).prctl(1, 9)
except Exception:
    pass
os.execvp(sys.argv[1], sys.argv[1:])";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_python_that_is_named_comes_first_and_those_of_pyenv_last() {
        let root = env::temp_dir().join(format!("zeroxide-pyenv-{}", std::process::id()));
        for version in ["2.7.18", "2.7.9", "3.12.1", "12.7"] {
            fs::create_dir_all(root.join("versions").join(version)).unwrap();
        }
        let found = candidates(Some("/named".into()), Some("/path/python2.7".into()), Some(&root));
        fs::remove_dir_all(&root).unwrap();
        let of = |version: &str| root.join("versions").join(version).join("bin/python2.7");
        assert_eq!(found, ["/named".into(), "/path/python2.7".into(), of("2.7.18"), of("2.7.9")]);
    }

    #[test]
    fn nothing_named_and_no_pyenv_is_no_candidate() {
        assert_eq!(candidates(None, None, Some(Path::new("/no-such-folder"))), Vec::<PathBuf>::new());
    }

    #[test]
    fn every_package_is_pinned_exactly() {
        for line in PINS.lines() {
            let pin = line.split_once("==");
            assert!(pin.is_some_and(|(name, version)| !name.is_empty() && !version.is_empty()), "{line:?}");
        }
    }
}
