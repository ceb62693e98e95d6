//! The parser: bytes in pieces, frames out. A frame is handed on at its last line's CR, without waiting for an LF.

use std::fmt;
use std::mem;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// What stands between two blank lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its name; `message` if it has none.
    pub event: String,
    /// Its data, lines joined by LF; None if it has no line of data, and so fires no event.
    pub data: Option<String>,
    /// The last id of the stream, which may be an earlier frame's.
    pub id: String,
    /// Whether it bears an id itself.
    pub has_id: bool,
}

/// An event, or a batch of them, that has more bytes than were allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge {
    /// How many were.
    pub limit: usize,
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "more than {} bytes", self.limit)
    }
}

impl std::error::Error for TooLarge {}

/// Parses one connection's bytes.
///
/// ```
/// use smart_tree_sse::sse::Parser;
///
/// let mut parser = Parser::new(1024);
/// let mut frames = parser.push(b"event: change\ndata: {}\nid: a-1\r")?;
/// frames.extend(parser.push(b"\n\r\n")?);
/// assert_eq!((frames[0].event.as_str(), frames[0].id.as_str()), ("change", "a-1"));
/// # Ok::<(), smart_tree_sse::sse::TooLarge>(())
/// ```
#[derive(Clone, Debug)]
pub struct Parser {
    max_event_bytes: usize,
    line: Vec<u8>,
    first_line: bool,
    after_cr: bool,
    event: String,
    data: Option<String>,
    event_bytes: usize, // of its lines so far, comments apart
    id: String,         // of the frame that is being read; the stream's once it ends
    has_id: bool,
    last_id: String,
    retry_ms: Option<u64>,
}

impl Parser {
    /// A parser of a connection that begins now. An event of more bytes than this ends it.
    #[must_use]
    pub const fn new(max_event_bytes: usize) -> Self {
        Self {
            max_event_bytes,
            line: Vec::new(),
            first_line: true,
            after_cr: false,
            event: String::new(),
            data: None,
            event_bytes: 0,
            id: String::new(),
            has_id: false,
            last_id: String::new(),
            retry_ms: None,
        }
    }

    /// The frames that end in this piece, those without data too.
    ///
    /// # Errors
    /// When one event has more bytes than allowed; the parser is of no more use then.
    pub fn push(&mut self, mut piece: &[u8]) -> Result<Vec<Frame>, TooLarge> {
        let mut frames = Vec::new();
        while !piece.is_empty() {
            if mem::take(&mut self.after_cr) && piece[0] == b'\n' {
                piece = &piece[1..];
                continue;
            }
            let end = piece.iter().position(|&byte| byte == b'\n' || byte == b'\r');
            self.line.extend_from_slice(&piece[..end.unwrap_or(piece.len())]);
            if self.held_bytes() > self.max_event_bytes {
                return Err(TooLarge { limit: self.max_event_bytes });
            }
            let Some(end) = end else { break };
            self.after_cr = piece[end] == b'\r';
            piece = &piece[end + 1..];
            frames.extend(self.end_line());
        }
        Ok(frames)
    }

    /// The id of the last frame that has ended and of those before it: what a reconnect tells.
    #[must_use]
    pub fn last_id(&self) -> &str {
        &self.last_id
    }

    /// The last `retry:`, in milliseconds.
    #[must_use]
    pub const fn retry_ms(&self) -> Option<u64> {
        self.retry_ms
    }

    /// How many bytes there have been of the frame that is being read.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.line.len() + self.event_bytes
    }

    fn end_line(&mut self) -> Option<Frame> {
        let mut line = mem::take(&mut self.line);
        if mem::take(&mut self.first_line) && line.starts_with(BOM) {
            line.drain(..BOM.len());
        }
        if line.is_empty() {
            return self.end_frame();
        }
        if line[0] != b':' {
            self.event_bytes += line.len() + 1;
        }
        let colon = line.iter().position(|&byte| byte == b':').unwrap_or(line.len());
        let value = line.get(colon + 1..).unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        self.field(&line[..colon], value);
        line.clear();
        self.line = line; // its memory is used again
        None
    }

    fn field(&mut self, name: &[u8], value: &[u8]) {
        match name {
            b"event" => self.event = String::from_utf8_lossy(value).into_owned(),
            b"data" => {
                let value = String::from_utf8_lossy(value);
                match &mut self.data {
                    Some(data) => {
                        data.push('\n');
                        data.push_str(&value);
                    }
                    none => *none = Some(value.into_owned()),
                }
            }
            b"id" if !value.contains(&0) => {
                self.id = String::from_utf8_lossy(value).into_owned();
                self.has_id = true;
            }
            b"retry" if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
                let digits = value.iter().map(|digit| u64::from(digit - b'0'));
                self.retry_ms = Some(digits.fold(0, |all, digit| all.saturating_mul(10).saturating_add(digit)));
            }
            _ => {}
        }
    }

    /// None where there was nothing but comments.
    fn end_frame(&mut self) -> Option<Frame> {
        let (event, data) = (mem::take(&mut self.event), self.data.take());
        let has_id = mem::take(&mut self.has_id);
        self.event_bytes = 0;
        self.last_id.clone_from(&self.id);
        if data.is_none() && !has_id {
            return None;
        }
        let event = if event.is_empty() { "message".to_owned() } else { event };
        Some(Frame { event, data, id: self.id.clone(), has_id })
    }
}

#[cfg(test)]
mod tests {
    use super::{Frame, Parser, TooLarge};

    fn parsed(pieces: &[&[u8]]) -> Vec<(String, Option<String>, String)> {
        let mut parser = Parser::new(1 << 20);
        let told = |frame: Frame| (frame.event, frame.data, frame.id);
        pieces.iter().flat_map(|piece| parser.push(piece).unwrap()).map(told).collect()
    }

    #[test]
    fn whatever_the_pieces_and_line_ends() {
        let whole =
            "\u{feff}event: a\ndata: x\ndata:  y\nid: 1\n\n: comment\n\ndata\n\nid: 2\n\ndata: é\n\ndata: lost\n";
        let expected = parsed(&[whole.as_bytes()]);
        let told: Vec<_> = expected.iter().map(|(e, d, i)| (e.as_str(), d.as_deref(), i.as_str())).collect();
        let (a, b) = (("a", Some("x\n y"), "1"), ("message", Some(""), "1"));
        assert_eq!(told, [a, b, ("message", None, "2"), ("message", Some("é"), "2")]);
        for end in ["\n", "\r", "\r\n"] {
            let bytes = whole.replace('\n', end).into_bytes();
            for size in 1..8 {
                assert_eq!(parsed(&bytes.chunks(size).collect::<Vec<_>>()), expected, "{end:?} by {size}");
            }
        }
    }

    #[test]
    fn a_cr_ends_a_line_at_once() {
        assert_eq!(parsed(&[b"data: x\r\r"]).len(), 1);
        assert_eq!(parsed(&[b"data: x\r", b"\n\r", b"\n", b"\n"]).len(), 1);
    }

    #[test]
    fn ids_with_nul_and_retries_that_are_no_number_are_ignored() {
        let mut parser = Parser::new(100);
        parser.push(b"id: 1\nid: 2\x00\nretry: 10\nretry: 1s\nretry:\n\n").unwrap();
        assert_eq!((parser.last_id(), parser.retry_ms()), ("1", Some(10)));
    }

    #[test]
    fn an_event_is_bounded() {
        let mut parser = Parser::new(10);
        assert_eq!(parser.push(b"data: 12345678"), Err(TooLarge { limit: 10 }));
        let mut parser = Parser::new(10);
        parser.push(b"data: 1\n\ndata: 2\n\n: alive\n: alive\n: alive\n").unwrap();
        assert!(parser.push(b"data: 12\ndata: 3\n").is_err());
    }
}
