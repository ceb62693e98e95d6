//! Section 1: a column, stored as it is or as one zstd frame whose header is looked at before anything is allocated.

use zstd_safe::DCtx;

use super::cursor::Cursor;
use super::error::QtnError;

pub(super) const COLUMN_MAX: usize = 8 << 20;
const WINDOW_MAX: u64 = 8 << 20;
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// What unpacks frames, one after the other.
pub(super) struct Unpacker(DCtx<'static>);

impl Default for Unpacker {
    fn default() -> Self {
        Self(DCtx::create())
    }
}

/// Where a column's bytes are: in the document, or unpacked in a buffer.
#[derive(Clone, Copy)]
pub(super) struct Column<'a> {
    stored: &'a [u8],
    raw_size: usize,
    offset: usize,
}

impl<'a> Column<'a> {
    /// The next column's stored bytes; nothing is unpacked.
    pub(super) fn read(r: &mut Cursor<'a>, max_size: usize) -> Result<Self, QtnError> {
        let raw_size = r.limited(max_size as u64, "column-too-large")? as usize;
        let stored_size = r.limited(raw_size as u64, "column-size")? as usize;
        let offset = r.offset();
        Ok(Self { stored: r.raw(stored_size)?, raw_size, offset })
    }

    pub(super) const fn raw_size(&self) -> usize {
        self.raw_size
    }

    pub(super) const fn offset(&self) -> usize {
        self.offset
    }

    /// Unpacks it into the buffer where it is packed.
    pub(super) fn unpack(&self, unpacker: &mut Unpacker, buffer: &mut Vec<u8>) -> Result<(), QtnError> {
        if self.stored.len() < self.raw_size {
            self.look_at_header()?;
            if frame_size(self.stored) != Some(self.stored.len()) {
                return Err(self.fail("zstd"));
            }
            buffer.resize(self.raw_size, 0);
            match unpacker.0.decompress(&mut buffer[..], self.stored) {
                Ok(size) if size == self.raw_size => {}
                _ => return Err(self.fail("zstd")),
            }
        }
        Ok(())
    }

    /// A reader of its bytes, once they were unpacked into this buffer.
    pub(super) fn cursor<'b>(&self, buffer: &'b [u8]) -> Cursor<'b>
    where
        'a: 'b,
    {
        if self.stored.len() < self.raw_size {
            Cursor::of_unpacked(buffer, self.offset)
        } else {
            Cursor::new(self.stored, self.offset)
        }
    }

    const fn fail(&self, code: &'static str) -> QtnError {
        QtnError::new(code, self.offset)
    }

    fn look_at_header(&self) -> Result<(), QtnError> {
        let header = FrameHeader::parse(self.stored).ok_or_else(|| self.fail("zstd"))?;
        if header.content_size != Some(self.raw_size as u64) {
            return Err(self.fail("zstd-size"));
        }
        if header.dictionary != 0 || header.window > WINDOW_MAX {
            return Err(self.fail("zstd-header"));
        }
        Ok(())
    }
}

/// What RFC 8878, section 3.1.1.1 tells of a frame.
struct FrameHeader {
    content_size: Option<u64>,
    window: u64,
    dictionary: u64,
    size: usize,
    checksum: bool,
}

impl FrameHeader {
    fn parse(frame: &[u8]) -> Option<Self> {
        let (&descriptor, mut rest) = frame.strip_prefix(&MAGIC)?.split_first()?;
        if descriptor & 0x08 != 0 {
            return None; // reserved
        }
        let single_segment = descriptor & 0x20 != 0;
        let window_byte = if single_segment { 0 } else { fixed(&mut rest, 1)? };
        let dictionary = fixed(&mut rest, [0, 1, 2, 4][usize::from(descriptor & 3)])?;
        let content_size = match (descriptor >> 6, single_segment) {
            (0, false) => None,
            (0, true) => Some(fixed(&mut rest, 1)?),
            (1, _) => Some(fixed(&mut rest, 2)? + 256),
            (2, _) => Some(fixed(&mut rest, 4)?),
            _ => Some(fixed(&mut rest, 8)?),
        };
        let base = 1_u64 << (10 + (window_byte >> 3));
        let told = base + base / 8 * (window_byte & 7);
        let window = if single_segment { content_size.unwrap_or(0) } else { told };
        let (size, checksum) = (frame.len() - rest.len(), descriptor & 4 != 0);
        Some(Self { content_size, window, dictionary, size, checksum })
    }
}

fn fixed(bytes: &mut &[u8], size: usize) -> Option<u64> {
    let (head, rest) = bytes.split_at_checked(size)?;
    *bytes = rest;
    Some(head.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte)))
}

/// How many bytes the frame has, by its blocks' headers; None if it has no end.
fn frame_size(frame: &[u8]) -> Option<usize> {
    let header = FrameHeader::parse(frame)?;
    let mut at = header.size;
    loop {
        let block = fixed(&mut frame.get(at..at + 3)?, 3)?;
        let size = (block >> 3) as usize;
        at += 3 + if block >> 1 & 3 == 1 { 1 } else { size }; // a block of one byte repeated has just that
        if block & 1 != 0 {
            let end = at + if header.checksum { 4 } else { 0 };
            return (end <= frame.len()).then_some(end);
        }
    }
}
