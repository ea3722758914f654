//! A pass over a topic's members, after something was published.

use crate::outlet::Outlet;
use crate::post::Audience;

/// What was appended to a log, for those who are live.
pub(crate) struct Fresh<M> {
    /// The offset of the first.
    first: u64,
    /// How offsets differ from those that are told.
    shift: u64,
    messages: Vec<M>,
    /// Whom each is for; empty while all are for everyone.
    audiences: Vec<Audience>,
}

impl<M> Fresh<M> {
    pub(crate) fn new() -> Self {
        Self { first: 1, shift: 0, messages: Vec::new(), audiences: Vec::new() }
    }

    /// From now on offsets are told as less by this.
    pub(crate) fn shift(&mut self, shift: u64) {
        self.shift = shift;
    }

    /// Begins anew, with the next message at this offset.
    pub(crate) fn restart(&mut self, first: u64) {
        self.first = first;
        self.messages.clear();
        self.audiences.clear();
    }

    pub(crate) fn push(&mut self, message: M, audience: &Audience) {
        if !audience.is_all() || !self.audiences.is_empty() {
            self.audiences.resize(self.messages.len(), Audience::All);
            self.audiences.push(audience.clone());
        }
        self.messages.push(message);
    }

    /// The offset behind the last.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.messages.len() as u64
    }

    /// Offers what is from the cursor on and meant for this member. Returns the cursor behind what was taken, and how many
    /// that were.
    pub(crate) fn offer(
        &self,
        cursor: u64,
        outlet: &dyn Outlet<M>,
        is_for_it: impl Fn(&Audience) -> bool,
    ) -> (u64, u64) {
        let (mut next, mut count) = (self.index(cursor), 0);
        if self.audiences.is_empty() {
            count = self.offer_run(next, self.messages.len(), outlet);
            next += count;
        }
        while next < self.messages.len() && !self.audiences.is_empty() {
            if !is_for_it(&self.audiences[next]) {
                next += 1;
                continue;
            }
            let run = self.audiences[next..].iter().take_while(|&audience| is_for_it(audience)).count();
            let taken = self.offer_run(next, next + run, outlet);
            next += taken;
            count += taken;
            if taken < run {
                break;
            }
        }
        (cursor.max(self.first + next as u64), count as u64)
    }

    fn offer_run(&self, from: usize, to: usize, outlet: &dyn Outlet<M>) -> usize {
        let run = &self.messages[from..to];
        if run.is_empty() {
            return 0;
        }
        outlet.offer((self.first + from as u64).wrapping_sub(self.shift), run).min(run.len())
    }

    fn index(&self, cursor: u64) -> usize {
        usize::try_from(cursor.saturating_sub(self.first)).unwrap_or(usize::MAX).min(self.messages.len())
    }
}
