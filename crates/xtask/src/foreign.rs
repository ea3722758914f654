//! What the tests use of other languages, under `target/foreign`: npm's `ws` and Python's `websockets`, which are WebSocket
//! clients, and npm's `typescript` and `axe-core`, which judge types and accessibility.
//!
//! They are optional. Where an interpreter is absent, a line says so, and the tests that want it skip.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{find, run, succeeds, target};

// Pinned, so that a new release cannot turn the tests red on its own.
const NPM: [&str; 3] = ["ws@8.18.3", "typescript@5.9.3", "axe-core@4.14.1"];
const PYPI: [&str; 1] = ["websockets==15.0.1"];

/// Installs what the interpreters at hand can run, unless an earlier run did.
pub(crate) fn set_up() -> Result<(), String> {
    for client in [node(), python()] {
        let Client { folder, .. } = &client;
        let packages = client.packages();
        if client.is_set_up() {
            println!("{packages}: there already");
            continue;
        }
        let commands = match (client.recipe)(folder) {
            Ok(commands) => commands,
            Err(absent) => {
                println!("{packages}: not set up, as {absent}; tests that need it will skip");
                continue;
            }
        };
        // An older version, or what an interrupted run left.
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder).map_err(|e| format!("cannot create {}: {e}", folder.display()))?;
        for mut command in commands {
            run(&mut command).map_err(|why| {
                format!("{packages}: {why}; `--skip foreign` goes on without what is missing")
            })?;
        }
        fs::write(client.stamp(), &packages).map_err(|e| format!("cannot write the stamp: {e}"))?;
        println!("{packages}: set up");
    }
    Ok(())
}

/// Where npm's packages are, if they are set up.
pub(crate) fn node_modules() -> Option<PathBuf> {
    let node = node();
    node.is_set_up().then(|| node.folder.join(node.entry))
}

/// The environment by which the tests find the clients that are set up.
pub(crate) fn variables() -> Vec<(&'static str, PathBuf)> {
    [node(), python()]
        .into_iter()
        .filter(Client::is_set_up)
        .map(|client| (client.variable, client.folder.join(client.entry)))
        .collect()
}

/// Packages of another language in a folder of its own.
struct Client {
    packages: &'static [&'static str],
    folder: PathBuf,
    /// Where the tests are told to look, and the variable that tells them.
    entry: &'static str,
    variable: &'static str,
    /// The commands that fill the folder, or what is absent for them.
    recipe: fn(&Path) -> Result<Vec<Command>, String>,
}

impl Client {
    fn is_set_up(&self) -> bool {
        let stamped = fs::read_to_string(self.stamp()).is_ok_and(|packages| packages == self.packages());
        // The entry may have gone all the same: a venv dies with the Python that it points to.
        stamped && self.folder.join(self.entry).exists()
    }

    fn packages(&self) -> String {
        self.packages.join(", ")
    }

    /// Written last, so that a set-up that was interrupted starts again.
    fn stamp(&self) -> PathBuf {
        self.folder.join("stamp")
    }
}

fn node() -> Client {
    let recipe = |folder: &Path| {
        find(&["node"]).ok_or("there is no `node`")?;
        let npm = find(&["npm"]).ok_or("there is no `npm`")?;
        let mut install = Command::new(npm);
        install.args([
            "install",
            "--no-audit",
            "--no-fund",
            "--no-package-lock",
            "--ignore-scripts",
            "--prefix",
        ]);
        install.arg(folder).args(NPM);
        Ok(vec![install])
    };
    Client {
        packages: &NPM,
        folder: target().join("foreign/node"),
        entry: "node_modules",
        variable: "ZEROXIDE_NODE_MODULES",
        recipe,
    }
}

fn python() -> Client {
    let recipe = |folder: &Path| {
        let python = find(&["python3"]).ok_or("there is no `python3`")?;
        if !succeeds(Command::new(&python).args(["-c", "import venv, ensurepip"])) {
            return Err(format!("{} has no venv with pip", python.display()));
        }
        let mut venv = Command::new(python);
        venv.args(["-m", "venv"]).arg(folder);
        let mut install = Command::new(folder.join("bin/python"));
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        install.args(PYPI);
        Ok(vec![venv, install])
    };
    Client {
        packages: &PYPI,
        folder: target().join("foreign/python"),
        entry: "bin/python",
        variable: "ZEROXIDE_PYTHON",
        recipe,
    }
}
