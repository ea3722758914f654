use std::fs;
use std::time::Duration;

/// How much load there is; the same words for all kinds.
pub(crate) struct Options {
    /// How many connections at a time.
    pub(crate) connections: usize,
    /// How long each server is under load in a round.
    pub(crate) time: Duration,
    /// How often each server has its turn.
    pub(crate) rounds: usize,
}

impl Options {
    pub(crate) const USAGE: &str =
        "[--connections 64 (1 to 10000)] [--seconds 3 (1 to 60)] [--rounds 5 (1 to 100)]";

    pub(crate) fn parse(words: &[&str]) -> Result<Self, String> {
        let (mut connections, mut seconds, mut rounds) = (64, 3, 5);
        for pair in words.chunks(2) {
            let &[name, value] = pair else { return Err(format!("`{}` needs a number", pair[0])) };
            let (number, most) = match name {
                "--connections" => (&mut connections, 10_000),
                "--seconds" => (&mut seconds, 60),
                "--rounds" => (&mut rounds, 100),
                other => return Err(format!("`{other}` is none of {}", Self::USAGE)),
            };
            let parsed = value.parse().ok().filter(|parsed| (1..=most).contains(parsed));
            *number = parsed.ok_or_else(|| format!("{name} is from 1 to {most}, not `{value}`"))?;
        }
        match open_files() {
            Some(most) if most < connections + connections / 10 + BESIDES => Err(format!(
                "{connections} connections take {} open files here, and as many in the server, but `ulimit -n` is {most}: \
                 raise it, or take fewer",
                connections + connections / 10 + BESIDES
            )),
            _ => Ok(Self { connections, time: Duration::from_secs(seconds as u64), rounds }),
        }
    }
}

/// How many files a process may have open, where the system says so.
fn open_files() -> Option<usize> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Files that are open beside the connections, with some to spare; a tenth of those may be there once more, stalled.
const BESIDES: usize = 64;
