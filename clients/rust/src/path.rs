//! A path of the tree, as bytes.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// An absolute path of the remote tree: bytes, which need not be UTF-8.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreePath(Vec<u8>);

impl TreePath {
    /// The path of these bytes.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// As JSON tells it: a text, and its bytes as base64 where it is not UTF-8.
    pub(crate) fn told(text: String, base64: Option<&str>) -> Self {
        Self(base64.and_then(|encoded| STANDARD.decode(encoded).ok()).unwrap_or_else(|| text.into_bytes()))
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// As text, if it is UTF-8.
    #[must_use]
    pub fn to_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// Whether its bytes end so, as in `path.ends_with(".rs")`.
    #[must_use]
    pub fn ends_with(&self, end: impl AsRef<[u8]>) -> bool {
        self.0.ends_with(end.as_ref())
    }

    /// Whether its bytes begin so.
    #[must_use]
    pub fn starts_with(&self, start: impl AsRef<[u8]>) -> bool {
        self.0.starts_with(start.as_ref())
    }

    /// What follows its last `/`.
    #[must_use]
    pub fn file_name(&self) -> &[u8] {
        self.0.rsplit(|&byte| byte == b'/').next().unwrap_or_default()
    }

    /// Its bytes, owned.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        String::from_utf8_lossy(&self.0).fmt(f)
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

impl AsRef<[u8]> for TreePath {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(unix)]
impl AsRef<std::path::Path> for TreePath {
    fn as_ref(&self) -> &std::path::Path {
        use std::os::unix::ffi::OsStrExt;
        std::ffi::OsStr::from_bytes(&self.0).as_ref()
    }
}
