//! The calls of one server.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::answers::{Changes, ClockInfo, Roots, ServerStats, Ticket, TreeAnswer, WatchAnswer};
use super::requests::{ChangesRequest, SearchRequest, TreeRequest};
use super::search::Search;
use crate::error::Error;
use crate::options::Options;
use crate::stream::refuse_higher;
use crate::transport::{Request, Transport};

/// The calls of a server. A clone shares its connections.
///
/// ```no_run
/// # async fn example() -> Result<(), smart_tree_sse::Error> {
/// use smart_tree_sse::api::{ChangesRequest, Client};
///
/// let client = Client::new("http://localhost:8973")?;
/// let clock = client.clock(true).await?.clock;
/// // … something happens …
/// let changes = client.changes(&clock, &ChangesRequest { sync: true, ..Default::default() }).await?;
/// println!("{} changes", changes.changes.len());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    transport: Transport,
}

impl Client {
    /// The calls of the server at this address.
    ///
    /// # Errors
    /// If it is no address.
    pub fn new(url: &str) -> Result<Self, Error> {
        Self::with_options(url, Options::default())
    }

    /// The same with options.
    ///
    /// # Errors
    /// If the address or the options can't be.
    pub fn with_options(url: &str, options: Options) -> Result<Self, Error> {
        Ok(Self { transport: Transport::new(url, options)? })
    }

    /// The clock; with `sync`, once everything that happened before was told.
    ///
    /// # Errors
    /// What the server says is wrong, or why it could not be asked.
    pub async fn clock(&self, sync: bool) -> Result<ClockInfo, Error> {
        let parameters = if sync { vec![("sync", b"1".to_vec())] } else { Vec::new() };
        let clock: ClockInfo = self.ask(Request::get("/clock", parameters), Duration::ZERO).await?;
        refuse_higher(clock.protocol)?;
        Ok(clock)
    }

    /// The tree now.
    ///
    /// # Errors
    /// What the server says is wrong, or why it could not be asked.
    pub async fn tree(&self, request: &TreeRequest) -> Result<TreeAnswer, Error> {
        let tree: TreeAnswer = self.ask(Request::get("/tree", request.parameters()), Duration::ZERO).await?;
        refuse_higher(tree.protocol)?;
        Ok(tree)
    }

    /// What has changed since a clock.
    ///
    /// # Errors
    /// What the server says is wrong, or why it could not be asked. [`Error::Http`] with the code `unknown-clock` has the
    /// clock to go on from, once the tree was fetched anew.
    pub async fn changes(&self, since: &str, request: &ChangesRequest) -> Result<Changes, Error> {
        self.ask(Request::get("/changes", request.parameters(since)), request.wait).await
    }

    /// Counts, sizes, what is busy; of a directory, or of everything.
    ///
    /// # Errors
    /// What the server says is wrong, or why it could not be asked.
    pub async fn stats(&self, path: Option<&[u8]>, window: Option<&str>) -> Result<ServerStats, Error> {
        let path = path.map(|path| ("path", path.to_vec()));
        let window = window.map(|window| ("window", window.as_bytes().to_vec()));
        self.ask(Request::get("/stats", path.into_iter().chain(window).collect()), Duration::ZERO).await
    }

    /// Looks for a pattern; what is found is told as it is found.
    ///
    /// # Errors
    /// What the server says is wrong, or why it could not be asked.
    pub async fn search(&self, request: &SearchRequest) -> Result<Search, Error> {
        Search::ask(&self.transport, request.parameters()).await
    }

    /// The roots.
    ///
    /// # Errors
    /// What the server says is wrong, or why it could not be asked.
    pub async fn roots(&self) -> Result<Roots, Error> {
        self.ask(Request::get("/watch", Vec::new()), Duration::ZERO).await
    }

    /// Adds a root, by its absolute path, as bytes.
    ///
    /// # Errors
    /// What the server says is wrong, or why it could not be asked.
    pub async fn add_root(&self, path: &[u8]) -> Result<WatchAnswer, Error> {
        self.watch(Method::POST, path).await
    }

    /// Removes a root, by its absolute path, as bytes.
    ///
    /// # Errors
    /// What the server says is wrong, or why it could not be asked.
    pub async fn remove_root(&self, path: &[u8]) -> Result<WatchAnswer, Error> {
        self.watch(Method::DELETE, path).await
    }

    /// A ticket for a browser's `EventSource`.
    ///
    /// # Errors
    /// What the server says is wrong, or why it could not be asked.
    pub async fn ticket(&self) -> Result<Ticket, Error> {
        let request = Request { method: Method::POST, ..Request::get("/ticket", Vec::new()) };
        self.ask(request, Duration::ZERO).await
    }

    async fn watch(&self, method: Method, path: &[u8]) -> Result<WatchAnswer, Error> {
        let body = match std::str::from_utf8(path) {
            Ok(path) => json!({ "path": path }),
            Err(_) => json!({ "path_b64": STANDARD.encode(path) }),
        };
        let body = Some(body.to_string().into_bytes());
        self.ask(Request { method, body, ..Request::get("/watch", Vec::new()) }, Duration::ZERO).await
    }

    async fn ask<T: DeserializeOwned>(&self, request: Request<'_>, besides: Duration) -> Result<T, Error> {
        let body = self.transport.call(request, besides).await?;
        Ok(serde_json::from_slice(&body)?)
    }
}
