//! What the calls ask for; what is not set is the server's default.

use std::time::Duration;

use crate::query::{add, add_all};
use crate::transport::Parameters;

/// Of `/tree`.
#[derive(Clone, Debug, Default)]
pub struct TreeRequest {
    /// A directory, as bytes.
    pub path: Option<Vec<u8>>,
    /// How the tree is told.
    pub mode: Option<String>,
    /// How many levels.
    pub depth: Option<u32>,
    /// `full` or `manifest`.
    pub tree: Option<String>,
    /// Whether to wait first until everything that happened on disk is told.
    pub sync: bool,
}

/// Of `/changes`.
#[derive(Clone, Debug, Default)]
pub struct ChangesRequest {
    /// How long to wait for there to be something, in whole seconds.
    pub wait: Duration,
    /// Whether to wait first until everything that happened on disk is told.
    pub sync: bool,
    /// A directory, as bytes: that alone.
    pub path: Option<Vec<u8>>,
    /// Globs of what is asked for.
    pub include: Vec<String>,
    /// Globs of what is left out.
    pub exclude: Vec<String>,
    /// `file`, `dir`, `symlink`, `other`.
    pub types: Vec<String>,
    /// `content`: without files that were written with the content they had.
    pub only: Option<String>,
}

/// Of `/search`.
#[derive(Clone, Debug, Default)]
pub struct SearchRequest {
    /// What to look for; with `within` of `name` and a glob, it may be empty.
    pub q: String,
    /// `content` or `name`.
    pub within: Option<String>,
    /// Whether `q` is an expression of RE2.
    pub regex: bool,
    /// `smart`, `sensitive` or `ignore`.
    pub case: Option<String>,
    /// A directory or a file, as bytes.
    pub path: Option<Vec<u8>>,
    /// Only what one of these names; with `!` before it, none of that.
    pub glob: Vec<String>,
    /// So many lines before and behind each that matches.
    pub context: Option<u32>,
    /// Of matching lines, or names.
    pub limit: Option<u32>,
    /// How long the server may search.
    pub timeout: Option<Duration>,
    /// Whether to wait first until everything that happened on disk is told.
    pub sync: bool,
}

impl TreeRequest {
    pub(super) fn parameters(&self) -> Parameters {
        let mut parameters = Parameters::new();
        add(&mut parameters, "path", self.path.as_deref());
        add(&mut parameters, "mode", self.mode.as_deref());
        add(&mut parameters, "depth", self.depth.map(|depth| depth.to_string()));
        add(&mut parameters, "tree", self.tree.as_deref());
        add(&mut parameters, "sync", self.sync.then_some("1"));
        parameters
    }
}

impl ChangesRequest {
    pub(super) fn parameters(&self, since: &str) -> Parameters {
        let mut parameters = vec![("since", since.as_bytes().to_vec())];
        let wait = self.wait.as_secs();
        add(&mut parameters, "wait", (wait > 0).then(|| wait.to_string()));
        add(&mut parameters, "sync", self.sync.then_some("1"));
        add(&mut parameters, "path", self.path.as_deref());
        add_all(&mut parameters, "include", &self.include);
        add_all(&mut parameters, "exclude", &self.exclude);
        add(&mut parameters, "types", (!self.types.is_empty()).then(|| self.types.join(",")));
        add(&mut parameters, "only", self.only.as_deref());
        parameters
    }
}

impl SearchRequest {
    pub(super) fn parameters(&self) -> Parameters {
        let mut parameters = Parameters::new();
        add(&mut parameters, "q", (!self.q.is_empty()).then_some(&self.q));
        add(&mut parameters, "in", self.within.as_deref());
        add(&mut parameters, "regex", self.regex.then_some("1"));
        add(&mut parameters, "case", self.case.as_deref());
        add(&mut parameters, "path", self.path.as_deref());
        add_all(&mut parameters, "glob", &self.glob);
        add(&mut parameters, "context", self.context.map(|lines| lines.to_string()));
        add(&mut parameters, "limit", self.limit.map(|limit| limit.to_string()));
        add(&mut parameters, "timeout_ms", self.timeout.map(|time| time.as_millis().to_string()));
        add(&mut parameters, "sync", self.sync.then_some("1"));
        parameters
    }
}
