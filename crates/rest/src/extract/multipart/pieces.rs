use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use axum_core::BoxError;
use bytes::Bytes;
use futures_util::Stream;

use crate::Body;

/// A body for multer, which takes all that is there into its buffer each time, and looks for the end of a field's head
/// however far away that is.
///
/// It gives one piece at a time, and no more than a head's worth of them until somebody has read.
pub(super) struct Pieces {
    body: axum_core::body::BodyDataStream,
    allowance: Allowance,
    /// Whether a piece was just given; then it is for multer to look at it.
    has_given: bool,
}

/// How much multer may take until it hands something out.
#[derive(Clone)]
pub(super) struct Allowance(Arc<AtomicUsize>);

impl Allowance {
    pub(super) fn renew(&self) {
        self.0.store(MAX_HEAD, Ordering::Relaxed);
    }

    fn take(&self, bytes: usize) -> bool {
        let left = self.0.load(Ordering::Relaxed);
        self.0.store(left.saturating_sub(bytes), Ordering::Relaxed);
        left > 0
    }
}

impl Pieces {
    pub(super) fn of(body: Body) -> (Self, Allowance) {
        let allowance = Allowance(Arc::new(AtomicUsize::new(MAX_HEAD)));
        (Self { body: body.into_data_stream(), allowance: allowance.clone(), has_given: false }, allowance)
    }
}

impl Stream for Pieces {
    type Item = Result<Bytes, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.has_given) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let piece = ready!(Pin::new(&mut self.body).poll_next(cx));
        if let Some(Ok(piece)) = &piece {
            self.has_given = true;
            if !self.allowance.take(piece.len()) {
                return Poll::Ready(Some(Err(HeadTooLarge.into())));
            }
        }
        Poll::Ready(piece.map(|piece| piece.map_err(axum_core::Error::into_inner)))
    }
}

/// The head of a field is longer than any that is meant.
#[derive(Debug)]
pub(super) struct HeadTooLarge;

impl std::fmt::Display for HeadTooLarge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the head of a field is too large")
    }
}

impl std::error::Error for HeadTooLarge {}

/// How long the head of a field may be, and one piece more.
const MAX_HEAD: usize = 16 << 10;
