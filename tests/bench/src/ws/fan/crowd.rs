use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::TALKERS;
use super::board::Board;
use super::line::{PROBE, words};
use crate::ws::client::{Client, Ears, masked};

/// Those who are connected to a fan-out, and hear; the first of them also talk.
pub(super) struct Crowd {
    shared: Arc<Shared>,
    mouths: Vec<OwnedWriteHalf>,
    words: Vec<u8>,
    /// Ends with it.
    _hearing: JoinSet<()>,
}

struct Shared {
    board: Mutex<Board>,
    /// Told when something has been heard that somebody may wait for.
    changed: Notify,
}

impl Crowd {
    /// Connects so many who hear and so many who stop reading, and returns when the server is known to send to all: its
    /// answer comes before it has made a member of somebody.
    pub(super) async fn gather(
        addr: SocketAddr,
        hearers: usize,
        stalled: usize,
        length: usize,
    ) -> io::Result<Self> {
        let board = Mutex::new(Board::new(hearers, length));
        let shared = Arc::new(Shared { board, changed: Notify::new() });
        let (mut mouths, mut hearing) = (Vec::new(), JoinSet::new());
        for hearer in 0..hearers {
            let Client { ears, mouth } = Client::connect(addr, "/fan").await?;
            mouths.push(mouth);
            hearing.spawn(hear(hearer, ears, shared.clone()));
        }
        let stalling: Arc<Mutex<usize>> = Arc::new(Mutex::new(stalled));
        for _ in 0..stalled {
            let client = Client::connect_narrow(addr, "/fan").await?;
            hearing.spawn(stall(client, stalling.clone()));
        }
        let mut crowd = Self { shared, mouths, words: words(length), _hearing: hearing };
        // Plain in any case, and hence short where lines are compressed.
        let mut probe = PROBE.to_vec();
        probe.resize(length.min(64), b'.');
        let probe = masked(0x81, &probe);
        let late = Instant::now() + LATE;
        while crowd.board().missing() > 0 || *lock(&stalling) > 0 {
            if Instant::now() > late {
                return Err(io::Error::other(format!("{} hear nothing at all", crowd.board().missing())));
            }
            crowd.mouths[0].write_all(&probe).await?;
            let _ = timeout(Duration::from_millis(50), crowd.wait(|board| board.missing() == 0)).await;
            crowd.board().check()?;
        }
        Ok(crowd)
    }

    /// So many lines a second at most, by turns, for this time. Each is said when all have heard the one before, so that it is a
    /// write of its own to each, also on a machine that is busy. Returns how many deliveries that were.
    pub(super) async fn paced(&mut self, per_second: u32, time: Duration) -> io::Result<u64> {
        let (before, end) = (self.board().heard(), Instant::now() + time);
        let mut pace = interval(Duration::from_secs(1) / per_second);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for talker in (0..TALKERS.min(self.mouths.len())).cycle() {
            if Instant::now() > end {
                break;
            }
            pace.tick().await;
            self.say(talker, 1).await?;
            self.wait_in_time(Board::is_complete).await?;
            self.board().check()?;
        }
        self.settle().await?;
        Ok(self.board().heard() - before)
    }

    /// As many lines as all can hear, at most so many of each talker on their way; then until all have heard them.
    pub(super) async fn saturating(&mut self, window: u32, time: Duration) -> io::Result<u64> {
        let (before, end) = (self.board().heard(), Instant::now() + time);
        while Instant::now() < end {
            self.fill(window).await?;
        }
        self.settle().await?;
        Ok(self.board().heard() - before)
    }

    /// So many lines, as fast as all can hear them.
    pub(super) async fn burst(&mut self, window: u32, lines: u32) -> io::Result<()> {
        let mut said = 0;
        while said < lines {
            said += self.fill(window).await?;
        }
        self.settle().await
    }

    /// Has each talker say what it may, and waits until one may go on. Returns how many lines that were.
    async fn fill(&mut self, window: u32) -> io::Result<u32> {
        let (talkers, mut said) = (TALKERS.min(self.mouths.len()), 0);
        for talker in 0..talkers {
            let room = window - self.board().on_their_way(talker);
            self.say(talker, room).await?;
            said += room;
        }
        let has_room = |board: &Board| (0..talkers).any(|talker| board.on_their_way(talker) < window);
        self.wait_in_time(has_room).await?;
        self.board().check()?;
        Ok(said)
    }

    /// How long each line takes to each hearer from now on, until that is taken.
    pub(super) fn time_delays(&self) {
        self.board().time_delays();
    }

    /// In microseconds.
    pub(super) fn take_delays(&self) -> Vec<u32> {
        self.board().take_delays()
    }

    async fn say(&mut self, talker: usize, lines: u32) -> io::Result<()> {
        if lines == 0 {
            return Ok(());
        }
        let frames: Vec<u8> = {
            let mut board = self.board();
            (0..lines).flat_map(|_| board.say(talker, &self.words)).collect()
        };
        self.mouths[talker].write_all(&frames).await
    }

    /// Waits until all have heard everything, and compares what they have heard.
    async fn settle(&self) -> io::Result<()> {
        // What goes wrong is told below, with who it was.
        let _ = self.wait_in_time(Board::is_complete).await;
        self.board().check_all()
    }

    async fn wait_in_time(&self, is_so: impl Fn(&Board) -> bool) -> io::Result<()> {
        timeout(LATE, self.wait(is_so))
            .await
            .map_err(|_| self.board().check_all().err().unwrap_or(io::ErrorKind::TimedOut.into()))
    }

    async fn wait(&self, is_so: impl Fn(&Board) -> bool) {
        loop {
            // All is one thread: nothing happens in between.
            if is_so(&self.board()) || self.board().check().is_err() {
                return;
            }
            self.shared.changed.notified().await;
        }
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        lock(&self.shared.board)
    }
}

/// Hears until the connection ends, which it must not.
async fn hear(hearer: usize, mut ears: Ears, shared: Arc<Shared>) {
    loop {
        let mut has_changed = false;
        let mut now = None;
        let heard = ears.hear(|heard| {
            let now = *now.get_or_insert_with(Instant::now);
            has_changed |= lock(&shared.board).note(hearer, &heard, now);
        });
        if let Err(error) = heard.await {
            lock(&shared.board).fail(format!("hearer {hearer}: {error}"));
            return shared.changed.notify_waiters();
        }
        if has_changed {
            shared.changed.notify_waiters();
        }
    }
}

/// Hears until it is there, and then nothing any more, but stays connected.
async fn stall(mut client: Client, stalling: Arc<Mutex<usize>>) {
    if client.messages().await.is_ok() {
        *lock(&stalling) -= 1;
        std::future::pending::<()>().await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Longer than anything takes on a busy machine, unless it is lost.
const LATE: Duration = Duration::from_secs(20);
