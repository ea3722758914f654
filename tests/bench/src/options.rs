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
        "[--connections 64 (1 to 1024)] [--seconds 3 (1 to 60)] [--rounds 5 (1 to 100)]";

    pub(crate) fn parse(words: &[&str]) -> Result<Self, String> {
        let (mut connections, mut seconds, mut rounds) = (64, 3, 5);
        for pair in words.chunks(2) {
            let &[name, value] = pair else { return Err(format!("`{}` needs a number", pair[0])) };
            let (number, most) = match name {
                "--connections" => (&mut connections, 1024),
                "--seconds" => (&mut seconds, 60),
                "--rounds" => (&mut rounds, 100),
                other => return Err(format!("`{other}` is none of {}", Self::USAGE)),
            };
            let parsed = value.parse().ok().filter(|parsed| (1..=most).contains(parsed));
            *number = parsed.ok_or_else(|| format!("{name} is from 1 to {most}, not `{value}`"))?;
        }
        Ok(Self { connections, time: Duration::from_secs(seconds as u64), rounds })
    }
}
