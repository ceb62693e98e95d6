//! What a search finds, line by line as the server finds it.

use std::fmt;
use std::time::Duration;

use reqwest::Response;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::time::timeout;

use crate::error::Error;
use crate::sse::TooLarge;
use crate::transport::{Parameters, Request, Transport};

/// One message of a search, as `rg --json` prints them: `begin`, `match`, `context`, `entry`, `end`, `summary`.
#[derive(Clone, Debug, Deserialize, serde::Serialize)]
#[non_exhaustive]
pub struct Found {
    /// Which of them.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its fields.
    pub data: Map<String, Value>,
}

/// A search under way. Dropping it ends it, on the server too.
pub struct Search {
    response: Response,
    line: Vec<u8>,
    rest: Vec<u8>, // of what has come, what follows the line
    at: usize,
    limit: usize,
    silence: Duration,
    complete: bool,
}

impl Search {
    pub(super) async fn ask(transport: &Transport, parameters: Parameters) -> Result<Self, Error> {
        let mut request = Request::get("/search", parameters);
        request.accept = "application/x-ndjson";
        let response = transport.in_time(transport.options.request_timeout, transport.send(request)).await?;
        let (limit, silence) = (transport.options.max_event_bytes, transport.options.request_timeout);
        Ok(Self { response, line: Vec::new(), rest: Vec::new(), at: 0, limit, silence, complete: false })
    }

    /// The next message, the last being the `summary`; then None.
    ///
    /// # Errors
    /// If the answer ends without its summary, if nothing comes for as long as a call may take, or if what comes is no
    /// message.
    pub async fn next(&mut self) -> Option<Result<Found, Error>> {
        if self.complete {
            return None;
        }
        let found = self.read().await;
        self.complete = found.as_ref().map_or(true, |found| found.kind == "summary");
        Some(found)
    }

    async fn read(&mut self) -> Result<Found, Error> {
        loop {
            let rest = &self.rest[self.at..];
            let end = rest.iter().position(|&byte| byte == b'\n');
            self.line.extend_from_slice(&rest[..end.unwrap_or(rest.len())]);
            if let Some(end) = end {
                self.at += end + 1;
                let found = serde_json::from_slice(&self.line);
                self.line.clear();
                return Ok(found?);
            }
            if self.line.len() > self.limit {
                return Err(TooLarge { limit: self.limit }.into());
            }
            let piece =
                timeout(self.silence, self.response.chunk()).await.map_err(|_| Error::Timeout(self.silence))??;
            self.rest = piece.ok_or(Error::CutOff)?.to_vec();
            self.at = 0;
        }
    }
}

impl fmt::Debug for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Search").field("complete", &self.complete).finish_non_exhaustive()
    }
}
