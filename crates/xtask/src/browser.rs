//! Chromium and its driver: found, or installed where this machine lets us.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use crate::run::{find, output, run, succeeds};

const CHROMIUM: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const DRIVER: [&str; 1] = ["chromedriver"];
const PACKAGES: [&str; 2] = ["chromium", "chromium-driver"];

/// Finds or installs both, and returns the environment by which the browser test finds them.
///
/// The error is the one line that a person needs: what is missing, why it stayed so, what to do.
pub(crate) fn set_up() -> Result<[(&'static str, PathBuf); 2], String> {
    let absent = match look() {
        Ok(found) => return Ok(found),
        Err(absent) => absent,
    };
    println!("missing: {absent}; installing {}", PACKAGES.join(" and "));
    let why = match install() {
        Ok(()) => match look() {
            Ok(found) => return Ok(found),
            Err(absent) => format!("the packages are installed, but there is no {absent} on the PATH"),
        },
        Err(why) => why,
    };
    Err(advice(&absent, &why))
}

/// Both paths, or the names of what is absent.
fn look() -> Result<[(&'static str, PathBuf); 2], String> {
    match (at("ZEROXIDE_CHROMIUM", &CHROMIUM), at("ZEROXIDE_CHROMEDRIVER", &DRIVER)) {
        (Some(chromium), Some(driver)) => {
            Ok([("ZEROXIDE_CHROMIUM", chromium), ("ZEROXIDE_CHROMEDRIVER", driver)])
        }
        (None, Some(_)) => Err(CHROMIUM[0].to_owned()),
        (Some(_), None) => Err(DRIVER[0].to_owned()),
        (None, None) => Err(format!("{} and {}", CHROMIUM[0], DRIVER[0])),
    }
}

/// Where the variable points, or else the first of the names on the `PATH`.
fn at(variable: &str, names: &[&str]) -> Option<PathBuf> {
    env::var_os(variable).map(PathBuf::from).or_else(|| find(names))
}

/// Installs by the system's package manager, or says why that is not possible.
fn install() -> Result<(), String> {
    let apt = find(&["apt-get"]).ok_or("this system has no apt-get")?;
    let root = output(Command::new("id").arg("-u")).is_some_and(|id| id.trim() == "0");
    if !root && !succeeds(Command::new("sudo").args(["-n", "true"])) {
        return Err("this is neither root nor may it sudo without a password".to_owned());
    }
    let apt_get = |arguments: &[&str]| {
        let mut command = Command::new(if root { "env" } else { "sudo" });
        if !root {
            command.args(["-n", "env"]);
        }
        run(command.arg("DEBIAN_FRONTEND=noninteractive").arg(&apt).arg("-qq").args(arguments))
    };
    apt_get(&["update"])?;
    apt_get(&[&["install", "-y", "--no-install-recommends"][..], &PACKAGES].concat())
}

fn advice(absent: &str, why: &str) -> String {
    format!(
        "{absent} missing and not installed: {why}; put them on the PATH (on Debian `apt-get install {}`), \
         or go without by `cargo xtask test --skip browser`",
        PACKAGES.join(" "),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_says_what_is_missing_why_and_what_to_do() {
        let line = advice("chromedriver", "this system has no apt-get");
        for part in ["chromedriver missing", "no apt-get", "apt-get install chromium", "--skip browser"] {
            assert!(line.contains(part), "{part:?} is not in {line:?}");
        }
        assert_eq!(line.lines().count(), 1);
    }
}
