//! What can go wrong, and whether it is for good.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::mirror::OutOfStep;
use crate::qtn1::QtnError;
use crate::sse::TooLarge;

/// Why a call, a connection or a stream has failed. It never holds a token.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// The server answered with another status than was needed.
    Http(Problem),
    /// `/events` is no event stream: what was connected to is no smarttree server, or stands behind a page.
    NotAStream {
        /// The type that it has.
        content_type: String,
    },
    /// The server speaks a protocol of a higher version than this library: take a newer one.
    Protocol {
        /// The server's.
        version: u64,
    },
    /// An event, batch or answer has more bytes than the options allow.
    TooLarge(TooLarge),
    /// There is no connection, or it broke.
    Connection(Arc<reqwest::Error>),
    /// The server closed the stream.
    Closed,
    /// Nothing came for so long, neither an event nor a heartbeat.
    Silent(Duration),
    /// A call took longer than its timeout.
    Timeout(Duration),
    /// A document is no right QTN1.
    Document(QtnError),
    /// A batch does not lead on from a mirror's tree, which is fetched anew.
    OutOfStep(OutOfStep),
    /// An event or answer is no JSON, or not what it should be.
    Json(Arc<serde_json::Error>),
    /// An answer was cut off.
    CutOff,
    /// What was given to the library can't be: an address, a file of certificates.
    Options(String),
}

/// What the server says is wrong: RFC 9457.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The status of HTTP.
    pub status: u16,
    /// The server's stable code, such as `no-such-path`; empty if what answered is no smarttree server.
    pub code: String,
    /// What it says to a person.
    pub detail: String,
    /// How long it asks to wait.
    pub retry_after: Option<Duration>,
    /// With `unknown-clock`: the clock to go on from.
    pub clock: Option<String>,
}

impl Error {
    /// A stable word for it, such as `http-401`, `not-a-stream`, `protocol`, `too-large`; of a document, its defect.
    #[must_use]
    pub fn code(&self) -> String {
        match self {
            Self::Http(problem) => format!("http-{}", problem.status),
            Self::Document(error) => error.code().to_owned(),
            other => other.name().to_owned(),
        }
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::NotAStream { .. } => "not-a-stream",
            Self::Protocol { .. } => "protocol",
            Self::TooLarge(_) => "too-large",
            Self::Connection(_) => "connection",
            Self::Closed => "closed",
            Self::Silent(_) => "silent",
            Self::Timeout(_) => "timeout",
            Self::Document(_) => "document",
            Self::OutOfStep(_) => "out-of-step",
            Self::Json(_) => "json",
            Self::CutOff => "cut-off",
            Self::Options(_) => "options",
        }
    }

    /// Whether a stream ends with it, as coming back would bring the same.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        match self {
            Self::Http(problem) => !matches!(problem.status, 408 | 425 | 429 | 500..=599),
            Self::NotAStream { .. } | Self::Protocol { .. } | Self::TooLarge(_) | Self::Options(_) => true,
            _ => false,
        }
    }

    /// How long the server asks to wait.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        if let Self::Http(problem) = self { problem.retry_after } else { None }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(Problem { status, code, detail, .. }) => {
                write!(f, "the server answered {status} {code}: {detail}")
            }
            Self::NotAStream { content_type } => {
                write!(f, "no event stream, but {content_type:?}: is it a smarttree server?")
            }
            Self::Protocol { version } => {
                write!(f, "the server speaks protocol {version}, this library 1: take a newer version of it")
            }
            Self::TooLarge(bound) => write!(f, "an event, batch or answer has {bound}: the options can allow more"),
            Self::Connection(_) => f.write_str("no connection, or it broke"),
            Self::Closed => f.write_str("the server closed the stream"),
            Self::Silent(time) => write!(f, "nothing came for {time:?}"),
            Self::Timeout(time) => write!(f, "no answer within {time:?}"),
            Self::Document(error) => error.fmt(f),
            Self::OutOfStep(why) => why.fmt(f),
            Self::Json(error) => write!(f, "not what the server should say: {error}"),
            Self::CutOff => f.write_str("the answer was cut off"),
            Self::Options(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Connection(error) => Some(error),
            Self::Document(error) => Some(error),
            Self::OutOfStep(why) => Some(why),
            Self::Json(error) => Some(error),
            Self::TooLarge(error) => Some(error),
            _ => None,
        }
    }
}

impl From<reqwest::Error> for Error {
    fn from(error: reqwest::Error) -> Self {
        Self::Connection(Arc::new(error.without_url()))
    }
}

impl From<OutOfStep> for Error {
    fn from(why: OutOfStep) -> Self {
        Self::OutOfStep(why)
    }
}

impl From<QtnError> for Error {
    fn from(error: QtnError) -> Self {
        Self::Document(error)
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(Arc::new(error))
    }
}

impl From<TooLarge> for Error {
    fn from(error: TooLarge) -> Self {
        Self::TooLarge(error)
    }
}
