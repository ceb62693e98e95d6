//! How to reach a server, and what to bear from it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Options of every connection and call. [`Options::default`] is right for a server on this machine.
///
/// ```
/// use std::time::Duration;
/// use smart_tree_sse::Options;
///
/// let options = Options { token: Some("secret".into()), silence: Duration::from_secs(60), ..Options::default() };
/// assert!(!format!("{options:?}").contains("secret"));
/// ```
#[derive(Clone)]
pub struct Options {
    /// Sent as `Authorization: Bearer`.
    pub token: Option<String>,
    /// A file of certificates (PEM) to trust beside the system's.
    pub ca_file: Option<PathBuf>,
    /// How long a stream may be silent until its connection is taken for dead: three heartbeats.
    pub silence: Duration,
    /// How long a call may take; a waiting `changes` as long as it waits besides.
    pub request_timeout: Duration,
    /// The longest wait before a connection is made again.
    pub retry_max: Duration,
    /// The bytes of one event, and of an answer.
    pub max_event_bytes: usize,
    /// The bytes of one batch of events.
    pub max_batch_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            token: None,
            ca_file: None,
            silence: Duration::from_secs(45),
            request_timeout: Duration::from_secs(30),
            retry_max: Duration::from_secs(30),
            max_event_bytes: 256 << 20,
            max_batch_bytes: 512 << 20,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("token", &self.token.as_ref().map(|_| "…"))
            .field("ca_file", &self.ca_file)
            .field("silence", &self.silence)
            .field("request_timeout", &self.request_timeout)
            .field("retry_max", &self.retry_max)
            .field("max_event_bytes", &self.max_event_bytes)
            .field("max_batch_bytes", &self.max_batch_bytes)
            .finish()
    }
}
