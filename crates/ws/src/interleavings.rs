//! What is sent on one socket by several threads, in all orders in which their steps can happen, as far as loom's memory model
//! knows them.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Wake, Waker};

use loom::future::block_on;
use loom::sync::atomic::AtomicBool;
use loom::sync::{Mutex, MutexGuard};
use loom::thread;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::conf::WsConf;
use crate::outbox::{Outbox, Side};
use crate::prepared::Prepared;
use crate::role::Role;

/// A socket that takes so many bytes, and more when its peer has read.
#[derive(Clone)]
struct Pipe(Arc<Mutex<Ends>>);

struct Ends {
    room: usize,
    taken: Vec<u8>,
    waker: Option<Waker>,
}

impl Pipe {
    fn new(room: usize) -> Self {
        Self(Arc::new(Mutex::new(Ends { room, taken: Vec::new(), waker: None })))
    }

    /// The peer reads so much.
    fn read(&self, bytes: usize) {
        let mut ends = self.ends();
        ends.room += bytes;
        let waker = ends.waker.take();
        drop(ends);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The letters that have come, each in a frame of its own.
    fn heard(&self) -> String {
        let ends = self.ends();
        let frames = ends.taken.chunks(FRAME);
        let letters = frames.map(|frame| match frame {
            [0x81, 1, letter] => char::from(*letter),
            torn => panic!("no frame: {torn:x?}"),
        });
        letters.collect()
    }

    fn ends(&self) -> MutexGuard<'_, Ends> {
        self.0.lock().expect("not poisoned")
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut ends = self.ends();
        let n = bytes.len().min(ends.room);
        if n == 0 {
            ends.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        ends.room -= n;
        ends.taken.extend(&bytes[..n]);
        Poll::Ready(Ok(n))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Pipe {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

/// Whether a task would be polled.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        // No plain store: loom would put one between the read and the write of a swap.
        self.0.swap(true, Ordering::SeqCst);
    }
}

fn outbox(pipe: &Pipe) -> Arc<Outbox> {
    Arc::new(Outbox::new(pipe.clone(), Role::Server, None, &WsConf::default()))
}

/// All in which no thread is interrupted more than twice, unless LOOM_MAX_PREEMPTIONS says otherwise: without a bound it takes
/// for ever.
fn in_all_orders(test: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = model.preemption_bound.or(Some(2));
    model.check(test);
}

/// As a writer's `send` does it.
async fn send(outbox: &Outbox, letter: &str) {
    outbox.feed(Prepared::text(letter)).expect("it is open");
    if !outbox.may_hold() {
        poll_fn(|cx| outbox.poll_flush(Side::Writer, cx)).await.expect("it is open");
    }
}

#[test]
fn what_another_thread_sends_in_a_handlers_turn_is_not_left_behind() {
    in_all_orders(|| {
        let pipe = Pipe::new(usize::MAX);
        let outbox = outbox(&pipe);
        let sending = thread::spawn({
            let outbox = outbox.clone();
            move || block_on(send(&outbox, "a"))
        });
        for _ in 0..2 {
            outbox.set_corked(true);
            outbox.set_corked(false);
            outbox.flush_turn(&Context::from_waker(Waker::noop()));
        }
        sending.join().unwrap();
        assert_eq!(pipe.heard(), "a");
    });
}

#[test]
fn what_a_turn_could_not_write_is_written_when_the_peer_has_read() {
    in_all_orders(|| {
        let pipe = Pipe::new(FRAME + 1);
        let outbox = outbox(&pipe);
        let reading = thread::spawn({
            let pipe = pipe.clone();
            move || pipe.read(FRAME)
        });
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        let waker = Waker::from(woken.clone());
        let mut letters = ["a", "b"].into_iter();
        let mut turns = || {
            while woken.0.swap(false, Ordering::SeqCst) {
                outbox.set_corked(true);
                for letter in letters.by_ref() {
                    outbox.feed(Prepared::text(letter)).expect("it is open");
                }
                outbox.set_corked(false);
                outbox.flush_turn(&Context::from_waker(&waker));
            }
        };
        turns();
        reading.join().unwrap();
        turns(); // only if it was woken
        assert_eq!(pipe.heard(), "ab");
    });
}

#[test]
fn a_hubs_loop_and_a_writer_write_whole_frames_each_in_its_order() {
    in_all_orders(|| {
        let pipe = Pipe::new(usize::MAX);
        let outbox = outbox(&pipe);
        let looping = thread::spawn({
            let outbox = outbox.clone();
            move || {
                let both = ["1", "2"].map(Prepared::text);
                if outbox.try_write(both.iter()) { "12" } else { "" }
            }
        });
        block_on(async {
            send(&outbox, "a").await;
            send(&outbox, "b").await;
        });
        let of_the_loop = looping.join().unwrap();
        let heard = pipe.heard();
        let of = |letters: &str| heard.chars().filter(|it| letters.contains(*it)).collect::<String>();
        assert_eq!((of("ab").as_str(), of("12").as_str()), ("ab", of_the_loop), "{heard}");
    });
}

#[test]
fn what_a_hubs_loop_has_begun_the_writer_ends() {
    in_all_orders(|| {
        let pipe = Pipe::new(1);
        let outbox = outbox(&pipe);
        // The writer waits for nothing but the loop's wake.
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        let waker = Waker::from(woken.clone());
        let cx = Context::from_waker(&waker);
        assert!(outbox.poll_flush(Side::Writer, &cx).is_ready());
        let looping = thread::spawn({
            let (outbox, pipe) = (outbox.clone(), pipe.clone());
            move || {
                assert!(outbox.try_write([Prepared::text("a")].iter()));
                pipe.read(FRAME);
            }
        });
        let write = || {
            while woken.0.swap(false, Ordering::SeqCst) {
                let _ = outbox.poll_flush(Side::Writer, &cx);
            }
        };
        write();
        looping.join().unwrap();
        write();
        assert_eq!(pipe.heard(), "a");
    });
}

#[test]
fn a_reader_and_a_writer_that_wait_for_one_socket_are_both_woken() {
    in_all_orders(|| {
        let pipe = Pipe::new(0);
        let outbox = outbox(&pipe);
        outbox.feed(Prepared::text("a")).expect("it is open");
        let reading = thread::spawn({
            let outbox = outbox.clone();
            move || block_on(poll_fn(|cx| outbox.poll_flush(Side::Reader, cx))).expect("it is open")
        });
        let peer = thread::spawn({
            let pipe = pipe.clone();
            move || pipe.read(FRAME)
        });
        block_on(poll_fn(|cx| outbox.poll_flush(Side::Writer, cx))).expect("it is open");
        peer.join().unwrap();
        reading.join().unwrap();
        assert_eq!(pipe.heard(), "a");
    });
}

#[test]
fn a_reader_is_told_once_that_the_engine_stops() {
    in_all_orders(|| {
        let outbox = outbox(&Pipe::new(0));
        let stopping = thread::spawn({
            let outbox = outbox.clone();
            move || outbox.stop()
        });
        block_on(poll_fn(|cx| {
            outbox.register(Side::Reader, cx);
            if outbox.take_stop() { Poll::Ready(()) } else { Poll::Pending }
        }));
        stopping.join().unwrap();
        assert!(!outbox.take_stop());
    });
}

/// The length of a frame of one letter.
const FRAME: usize = 3;
