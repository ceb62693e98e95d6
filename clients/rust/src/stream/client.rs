//! The stream for its users: events, one by one, and callbacks.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use super::event::{Change, Event};
use super::link::{Link, Signal};
use crate::error::Error;
use crate::options::Options;
use crate::query::Query;
use crate::sse::Frame;
use crate::transport::Transport;

type Work = Pin<Box<dyn Future<Output = (Link, Signal)> + Send>>;

/// Says what a stream is to tell; see [`SseClient::builder`].
#[derive(Clone, Debug)]
pub struct Builder {
    url: String,
    options: Options,
    query: Query,
}

impl Builder {
    /// How to reach the server.
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// What is asked for.
    #[must_use]
    pub fn query(mut self, query: Query) -> Self {
        self.query = query;
        self
    }

    /// A stream that connects when it is first polled, and tries until there is a server.
    ///
    /// # Errors
    /// If the address or the options can't be.
    pub fn start<'a>(self) -> Result<SseClient<'a>, Error> {
        Ok(SseClient::over(Link::new(Transport::new(&self.url, self.options)?, self.query)))
    }

    /// Connects, once.
    ///
    /// # Errors
    /// If there is no connection, or no stream.
    pub async fn connect<'a>(self) -> Result<SseClient<'a>, Error> {
        let mut link = Link::new(Transport::new(&self.url, self.options)?, self.query);
        link.open().await?;
        Ok(SseClient::over(link))
    }
}

/// The events of a server, by a connection that comes back by itself. Dropping it ends everything.
///
/// It is a [`Stream`], and has [`next`](SseClient::next) of its own. A batch's events come when all of them are there, so
/// each batch is seen exactly once, whatever happens to the connection.
///
/// The lifetime is that of what its callbacks borrow; without any, it is `'static`.
///
/// ```no_run
/// use smart_tree_sse::{Event, SseClient, decompress_quantum};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let mut client = SseClient::connect("http://localhost:8973").await?;
/// while let Some(event) = client.next().await {
///     match event? {
///         Event::Change { path, change_type, .. } => println!("{path} was {change_type:?}"),
///         Event::Quantum(data) => {
///             let batch = decompress_quantum(&data)?;
///             println!("{batch:?}");
///         }
///         _ => {}
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub struct SseClient<'a> {
    state: State,
    frames: VecDeque<Frame>,
    frame: Option<Frame>,
    clock: Option<String>,
    on_change: Vec<Box<dyn FnMut(Change) + Send + 'a>>,
}

enum State {
    Working(Work),
    Ended,
}

impl SseClient<'static> {
    /// What the stream of the server at this address is to tell.
    #[must_use]
    pub fn builder(url: impl Into<String>) -> Builder {
        Builder { url: url.into(), options: Options::default(), query: Query::default() }
    }
}

impl<'a> SseClient<'a> {
    /// Connects to the server at this address, once; from then on the connection is made again by itself.
    ///
    /// # Errors
    /// If there is no connection, or no stream.
    pub async fn connect(url: impl Into<String>) -> Result<SseClient<'a>, Error> {
        SseClient::builder(url).connect().await
    }

    fn over(link: Link) -> Self {
        let state = State::Working(work(link));
        Self { state, frames: VecDeque::new(), frame: None, clock: None, on_change: Vec::new() }
    }

    /// The next event; None once the stream has ended for good, which an error has told before.
    ///
    /// It may be dropped before it is there: no event is lost by that.
    pub async fn next(&mut self) -> Option<Result<Event, Error>> {
        poll_fn(|context| self.poll_event(context)).await
    }

    /// Calls this for each change from now on, as the stream is driven by [`next`](Self::next) or [`run`](Self::run).
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), smart_tree_sse::Error> {
    /// let mut build_queue = Vec::new();
    /// let mut client = smart_tree_sse::SseClient::connect("http://localhost:8973").await?;
    /// client.on_change(|change| {
    ///     if change.path.ends_with(".rs") {
    ///         build_queue.push(change.path);
    ///     }
    /// });
    /// client.run().await
    /// # }
    /// ```
    pub fn on_change(&mut self, callback: impl FnMut(Change) + Send + 'a) {
        self.on_change.push(Box::new(callback));
    }

    /// Drives the stream for its callbacks, until it ends for good.
    ///
    /// # Errors
    /// What it has ended by.
    pub async fn run(&mut self) -> Result<(), Error> {
        while let Some(event) = self.next().await {
            event?;
        }
        Ok(())
    }

    /// The clock of the last event that was handed on: what a later stream can go on from, by its `since`, once all
    /// events of that clock were handed on.
    #[must_use]
    pub fn clock(&self) -> Option<&str> {
        self.clock.as_deref()
    }

    /// What the last event was made of, as it came: for fields that this version does not know.
    #[must_use]
    pub const fn frame(&self) -> Option<&Frame> {
        self.frame.as_ref()
    }

    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Event, Error>>> {
        loop {
            if let Some(frame) = self.frames.pop_front() {
                return Poll::Ready(Some(self.hand_on(frame)));
            }
            let State::Working(working) = &mut self.state else { return Poll::Ready(None) };
            let (link, signal) = ready!(working.as_mut().poll(context));
            self.frame = None;
            match signal {
                Signal::Batch(batch) => {
                    self.state = State::Working(work(link));
                    self.frames.extend(batch.frames);
                    self.clock = Some(batch.clock);
                }
                Signal::Lost(error) => {
                    self.state = State::Working(work(link));
                    return Poll::Ready(Some(Ok(Event::Lost(error))));
                }
                Signal::Ended(error) => {
                    self.state = State::Ended;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }

    fn hand_on(&mut self, frame: Frame) -> Result<Event, Error> {
        let event = Event::of(&frame);
        self.frame = Some(frame);
        match &event {
            Ok(Event::Change { .. }) => {
                for callback in &mut self.on_change {
                    event.as_ref().ok().and_then(Event::change).into_iter().for_each(callback);
                }
            }
            Err(error) if error.is_final() => {
                self.state = State::Ended;
                self.frames.clear();
            }
            _ => {}
        }
        event
    }
}

fn work(mut link: Link) -> Work {
    Box::pin(async move {
        let signal = link.next().await;
        (link, signal)
    })
}

impl Stream for SseClient<'_> {
    type Item = Result<Event, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_event(context)
    }
}

impl fmt::Debug for SseClient<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SseClient").field("clock", &self.clock).finish_non_exhaustive()
    }
}
