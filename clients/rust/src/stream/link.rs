//! One stream's connections, one after the other: what comes of them is whole batches.

use std::collections::VecDeque;
use std::time::Duration;

use reqwest::Response;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use tokio::time::{sleep, timeout};

use super::backoff::Backoff;
use crate::error::{Error, Problem};
use crate::query::Query;
use crate::sse::{Batch, Gatherer};
use crate::transport::{Request, Transport};

const EVENT_STREAM: &str = "text/event-stream";

/// What a link tells next.
#[derive(Debug)]
pub(crate) enum Signal {
    /// A batch, whole.
    Batch(Batch),
    /// The connection has ended; the next call waits, and makes another one.
    Lost(Error),
    /// For good.
    Ended(Error),
}

/// A stream that comes back where it was. Whoever drops it has nothing left of it.
pub(crate) struct Link {
    transport: Transport,
    query: Query,
    clock: Option<String>,
    connection: Option<Connection>,
    batches: VecDeque<Batch>,
    backoff: Backoff,
    wait: Option<Duration>,
}

struct Connection {
    response: Response,
    gatherer: Gatherer,
    had_byte: bool,
}

impl Link {
    pub(crate) fn new(transport: Transport, query: Query) -> Self {
        let backoff = Backoff::new(transport.options.retry_max);
        Self { transport, query, clock: None, connection: None, batches: VecDeque::new(), backoff, wait: None }
    }

    /// Makes the connection, once, if there is none.
    pub(crate) async fn open(&mut self) -> Result<(), Error> {
        if self.connection.is_none() {
            self.connection = Some(self.connect().await?);
        }
        Ok(())
    }

    /// The next batch, or what has become of the connection. It may be dropped at any await: nothing is lost by that.
    pub(crate) async fn next(&mut self) -> Signal {
        loop {
            if let Some(batch) = self.batches.pop_front() {
                self.clock = Some(batch.clock.clone());
                return Signal::Batch(batch);
            }
            if let Some(wait) = self.wait {
                sleep(wait).await;
                self.wait = None;
            }
            let result = match self.open().await {
                Ok(()) => self.read().await,
                Err(error) => Err(error),
            };
            if let Err(error) = result {
                return self.end_connection(error);
            }
        }
    }

    /// Drops the connection, and comes back with this query and without a clock. `failed`: as after a failed attempt.
    pub(crate) fn restart(&mut self, query: Query, failures: u32) {
        self.query = query;
        self.connection = None;
        self.batches.clear();
        self.clock = None;
        let mut backoff = self.backoff.clone();
        (0..failures).for_each(|_| backoff.failed());
        self.wait = (failures > 0).then(|| backoff.wait(fastrand::f64(), None));
    }

    /// From now on connections are made with this query.
    pub(crate) fn set_query(&mut self, query: Query) {
        self.query = query;
    }

    fn end_connection(&mut self, error: Error) -> Signal {
        let had_byte = self.connection.take().is_some_and(|connection| connection.had_byte);
        if error.is_final() {
            return Signal::Ended(error);
        }
        if had_byte {
            self.backoff.succeeded();
        } else {
            self.backoff.failed();
        }
        self.wait = Some(self.backoff.wait(fastrand::f64(), error.retry_after()));
        Signal::Lost(error)
    }

    async fn connect(&self) -> Result<Connection, Error> {
        let mut request = Request::get("/events", self.query.parameters());
        request.accept = EVENT_STREAM;
        request.headers.push(("cache-control", HeaderValue::from_static("no-store")));
        let clock = self.clock.as_ref().filter(|clock| !clock.is_empty());
        let clock = clock.and_then(|clock| HeaderValue::from_bytes(clock.as_bytes()).ok());
        request.headers.extend(clock.map(|clock| ("last-event-id", clock)));
        let silence = self.transport.options.silence;
        let answer = timeout(silence, self.transport.send(request)).await;
        let response = answer.unwrap_or(Err(Error::Silent(silence)))?;
        check(&response)?;
        let options = &self.transport.options;
        let gatherer = Gatherer::new(options.max_event_bytes, options.max_batch_bytes);
        Ok(Connection { response, gatherer, had_byte: false })
    }

    /// The next piece of the connection.
    async fn read(&mut self) -> Result<(), Error> {
        let Some(connection) = &mut self.connection else { return Ok(()) };
        let silence = self.transport.options.silence;
        let piece = timeout(silence, connection.response.chunk()).await.map_err(|_| Error::Silent(silence))??;
        let piece = piece.ok_or(Error::Closed)?;
        connection.had_byte |= !piece.is_empty();
        self.batches.extend(connection.gatherer.push(&piece)?);
        self.backoff.told(connection.gatherer.retry_ms());
        Ok(())
    }
}

/// A success that is no 200, or no stream of events, is none.
fn check(response: &Response) -> Result<(), Error> {
    let status = response.status().as_u16();
    if status != 200 {
        let detail = "no stream of events".to_owned();
        return Err(Error::Http(Problem { status, detail, ..Problem::default() }));
    }
    let told = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = told.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(EVENT_STREAM) {
        Ok(())
    } else {
        Err(Error::NotAStream { content_type: told.to_owned() })
    }
}
