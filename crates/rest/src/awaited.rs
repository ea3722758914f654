//! A future that a task waits for beside its work, without asking it each time.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use pin_project_lite::pin_project;
use tokio::task::coop;

pin_project! {
    /// A future that is seldom ready, beside one that is polled often.
    ///
    /// It takes a lock, or several atomic steps, to ask such a future, and a connection would ask three of them for each
    /// request. A future that has been asked wakes its task when it has something to do: so it is asked once, then whenever a
    /// flag says that it may have woken, and when the waker is another one.
    pub(crate) struct Awaited<F> {
        #[pin]
        future: F,
        waker: Option<Waker>,
    }
}

impl<F: Future> Awaited<F> {
    pub(crate) fn new(future: F) -> Self {
        Self { future, waker: None }
    }

    /// Asks it where that can tell anything. `may_have_woken` has to be true before the future wakes anybody, also for no more
    /// than to wait on.
    pub(crate) fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>, may_have_woken: bool) -> Poll<F::Output> {
        let this = self.project();
        let is_known = this.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
        if is_known && !may_have_woken {
            return Poll::Pending;
        }
        // Without a budget tokio's futures say that they wait, and wait for nothing: they are to be asked again.
        if !is_known && coop::has_budget_remaining() {
            *this.waker = Some(cx.waker().clone());
        }
        this.future.poll(cx)
    }

    /// Changes the future, which is asked again then.
    pub(crate) fn change(self: Pin<&mut Self>, change: impl FnOnce(Pin<&mut F>)) {
        let this = self.project();
        *this.waker = None;
        change(this.future);
    }

    /// The future, to look at.
    pub(crate) fn get(&self) -> &F {
        &self.future
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::Wake;

    use super::*;

    struct Idle;

    impl Wake for Idle {
        fn wake(self: Arc<Self>) {}
    }

    /// Counts how often it is asked.
    struct Counting(usize);

    impl Future for Counting {
        type Output = ();

        fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            self.0 += 1;
            Poll::Pending
        }
    }

    #[tokio::test]
    async fn a_task_that_has_used_up_its_budget_asks_again() {
        let mut awaited = pin!(Awaited::new(Counting(0)));
        std::future::poll_fn(|cx| {
            while coop::has_budget_remaining() {
                let Poll::Ready(step) = coop::poll_proceed(cx) else { unreachable!("there is some left") };
                step.made_progress();
            }
            for _ in 0..2 {
                let _ = awaited.as_mut().poll(cx, false);
            }
            Poll::Ready(())
        })
        .await;

        assert_eq!(awaited.get().0, 2);
    }

    #[test]
    fn it_is_asked_once_and_then_when_it_may_have_woken_or_has_changed_or_another_waits() {
        let (one, other) = (Waker::from(Arc::new(Idle)), Waker::from(Arc::new(Idle)));
        let mut awaited = pin!(Awaited::new(Counting(0)));
        let mut asked = |waker: &Waker, may_have_woken| {
            let _ = awaited.as_mut().poll(&mut Context::from_waker(waker), may_have_woken);
            awaited.get().0
        };

        assert_eq!([asked(&one, false), asked(&one, false), asked(&one, true)], [1, 1, 2]);
        assert_eq!([asked(&other, false), asked(&other, false), asked(&one, false)], [3, 3, 4]);
        awaited.as_mut().change(|_| {});
        let _ = awaited.as_mut().poll(&mut Context::from_waker(&one), false);
        assert_eq!(awaited.get().0, 5);
    }
}
