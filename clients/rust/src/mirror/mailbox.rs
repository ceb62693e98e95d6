//! A queue between the mirror and one reader, who may read as slowly as he likes: the mirror never waits for him.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// What waits to be read. Its own law keeps it bounded.
pub(super) trait Pending: Default {
    type Given;
    type Taken;

    fn give(&mut self, given: Self::Given);
    fn take(&mut self) -> Option<Self::Taken>;
}

#[derive(Debug, Default)]
pub(super) struct Mailbox<P> {
    state: Mutex<State<P>>,
}

#[derive(Debug, Default)]
struct State<P> {
    pending: P,
    closed: bool,
    reader: Option<Waker>,
}

impl<P: Pending> Mailbox<P> {
    pub(super) fn give(&self, given: P::Given) {
        let mut state = self.lock();
        state.pending.give(given);
        wake(state);
    }

    /// There will be no more.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        wake(state);
    }

    pub(super) fn try_take(&self) -> Option<P::Taken> {
        self.lock().pending.take()
    }

    pub(super) fn poll_take(&self, context: &Context<'_>) -> Poll<Option<P::Taken>> {
        let mut state = self.lock();
        match state.pending.take() {
            Some(taken) => Poll::Ready(Some(taken)),
            None if state.closed => Poll::Ready(None),
            None => {
                state.reader = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Who panicked while holding it left it whole: nothing is done in between.
    fn lock(&self) -> MutexGuard<'_, State<P>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake<P>(mut state: MutexGuard<'_, State<P>>) {
    let reader = state.reader.take();
    drop(state);
    if let Some(reader) = reader {
        reader.wake();
    }
}
