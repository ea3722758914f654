use std::collections::VecDeque;
use std::io;
use std::mem;
use std::time::Instant;

use super::super::client::Heard;
use super::TALKERS;
use super::line::{Line, PROBE};

/// What has been said and what each has heard of it: each line once, in order, and all in the same order.
pub(super) struct Board {
    began: Instant,
    /// How long a line is. Who joins several into one message puts one byte between them.
    length: usize,
    hearers: Vec<Hearer>,
    talkers: [Talker; TALKERS],
    heard: u64,
    /// How long lines took to each hearer, in microseconds, if that is asked for.
    delays: Option<Vec<u32>>,
    fault: Option<String>,
}

#[derive(Clone, Default)]
struct Hearer {
    is_there: bool,
    next: [u32; TALKERS],
    /// Those that came compressed cannot be read, and are told by their bytes.
    compressed: u32,
    /// A sum of all that was heard, in which the order counts.
    order: u64,
}

/// Whose lines are on their way.
#[derive(Default)]
struct Talker {
    said: u32,
    /// So many of them all have heard.
    complete: u32,
    /// By how many the others were heard.
    heard_by: VecDeque<u32>,
}

impl Board {
    pub(super) fn new(hearers: usize, length: usize) -> Self {
        Self {
            began: Instant::now(),
            length,
            hearers: vec![Hearer::default(); hearers],
            talkers: Default::default(),
            heard: 0,
            delays: None,
            fault: None,
        }
    }

    pub(super) fn time_delays(&mut self) {
        self.delays = Some(Vec::new());
    }

    pub(super) fn take_delays(&mut self) -> Vec<u32> {
        self.delays.take().unwrap_or_default()
    }

    /// How many deliveries there were.
    pub(super) fn heard(&self) -> u64 {
        self.heard
    }

    /// How many are not there yet.
    pub(super) fn missing(&self) -> usize {
        self.hearers.iter().filter(|hearer| !hearer.is_there).count()
    }

    /// How many of a talker's lines not all have heard.
    pub(super) fn on_their_way(&self, talker: usize) -> u32 {
        self.talkers[talker].said - self.talkers[talker].complete
    }

    /// The next line of a talker, as a frame.
    pub(super) fn say(&mut self, talker: usize, words: &[u8]) -> Vec<u8> {
        let said = &mut self.talkers[talker];
        let line = Line { talker, number: said.said, at: self.began.elapsed() };
        said.said += 1;
        said.heard_by.push_back(0);
        line.frame(words)
    }

    /// Notes what one hears at this time, and returns whether a talker may go on by that.
    pub(super) fn note(&mut self, hearer: usize, heard: &Heard<'_>, now: Instant) -> bool {
        if heard.is_compressed {
            let known = &mut self.hearers[hearer];
            known.compressed += 1;
            known.order = heard.payload.chunks(8).fold(known.order, |order, word| {
                mix(order, word.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)))
            });
            self.heard += 1;
            return true;
        }
        let mut is_complete = false;
        for text in heard.payload.chunks(self.length + 1) {
            is_complete |= self.note_line(hearer, text, now);
        }
        is_complete
    }

    fn note_line(&mut self, hearer: usize, text: &[u8], now: Instant) -> bool {
        let known = &mut self.hearers[hearer];
        if text.starts_with(PROBE) {
            return !mem::replace(&mut known.is_there, true);
        }
        let Some(line) = Line::read(text).filter(|line| line.talker < TALKERS) else {
            return self.fail(format!(
                "hearer {hearer} has heard what nobody said: {:?}",
                String::from_utf8_lossy(text)
            ));
        };
        let (next, number) = (&mut known.next[line.talker], line.number);
        if *next != number {
            let next = *next;
            let what = if number > next { "lost some before" } else { "heard twice, or too late," };
            return self.fail(format!(
                "hearer {hearer} has {what} line {number} of talker {}, not {next}",
                line.talker
            ));
        }
        *next += 1;
        known.order = mix(known.order, (line.talker as u64) << 32 | u64::from(number));
        self.heard += 1;
        if let Some(delays) = &mut self.delays {
            let delay = (now - self.began).saturating_sub(line.at);
            delays.push(delay.as_micros() as u32);
        }
        let (talker, all) = (&mut self.talkers[line.talker], self.hearers.len() as u32);
        if let Some(heard_by) = talker.heard_by.get_mut((number - talker.complete) as usize) {
            *heard_by += 1;
        }
        let before = talker.complete;
        while talker.heard_by.front() == Some(&all) {
            talker.heard_by.pop_front();
            talker.complete += 1;
        }
        talker.complete > before
    }

    /// Notes the first thing that went wrong.
    pub(super) fn fail(&mut self, fault: String) -> bool {
        self.fault.get_or_insert(fault);
        true
    }

    /// What went wrong so far.
    pub(super) fn check(&self) -> io::Result<()> {
        self.fault.clone().map_or(Ok(()), |fault| Err(io::Error::other(fault)))
    }

    /// Whether all have heard everything, if nobody has heard anything twice.
    pub(super) fn is_complete(&self) -> bool {
        self.heard == self.said() * self.hearers.len() as u64
    }

    fn said(&self) -> u64 {
        self.talkers.iter().map(|talker| u64::from(talker.said)).sum()
    }

    /// Whether all have, and in the same order.
    pub(super) fn check_all(&self) -> io::Result<()> {
        self.check()?;
        let has_all = |hearer: &Hearer| {
            hearer.next.iter().map(|next| u64::from(*next)).sum::<u64>() + u64::from(hearer.compressed)
                == self.said()
        };
        let late = self.hearers.iter().filter(|hearer| !has_all(hearer)).count();
        if late > 0 {
            return Err(io::Error::other(format!("{late} have not heard everything that was said")));
        }
        if self.hearers.windows(2).any(|pair| pair[0].order != pair[1].order) {
            return Err(io::Error::other("not all have heard the same in the same order"));
        }
        Ok(())
    }
}

fn mix(order: u64, next: u64) -> u64 {
    (order ^ next).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
}
