//! Section 1: numbers, read from a span of bytes, each read checked against its end.

use super::error::QtnError;

/// Reads `data` from `at` on. `origin` is what to add to a place in `data` to have the document's; of bytes that were
/// unpacked there is no such place, and `origin` alone is told.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    data: &'a [u8],
    at: usize,
    origin: usize,
    unpacked: bool,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(data: &'a [u8], origin: usize) -> Self {
        Self { data, at: 0, origin, unpacked: false }
    }

    pub(super) const fn of_unpacked(data: &'a [u8], origin: usize) -> Self {
        Self { data, at: 0, origin, unpacked: true }
    }

    pub(super) const fn offset(&self) -> usize {
        if self.unpacked { self.origin } else { self.origin + self.at }
    }

    #[cold]
    pub(super) const fn fail(&self, code: &'static str) -> QtnError {
        QtnError::new(code, self.offset())
    }

    pub(super) const fn left(&self) -> usize {
        self.data.len() - self.at
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        &self.data[self.at..]
    }

    #[inline]
    pub(super) fn raw(&mut self, size: usize) -> Result<&'a [u8], QtnError> {
        if size > self.left() {
            return Err(self.fail("truncated"));
        }
        self.at += size;
        Ok(&self.data[self.at - size..self.at])
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], QtnError> {
        let bytes = self.raw(N)?;
        bytes.try_into().map_err(|_| self.fail("truncated"))
    }

    #[inline]
    pub(super) fn byte(&mut self) -> Result<u8, QtnError> {
        let Some(&byte) = self.data.get(self.at) else { return Err(self.fail("truncated")) };
        self.at += 1;
        Ok(byte)
    }

    #[inline]
    pub(super) fn varint(&mut self) -> Result<u64, QtnError> {
        match self.data.get(self.at) {
            Some(&byte) if byte < 0x80 => {
                self.at += 1;
                Ok(u64::from(byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, QtnError> {
        let (mut value, mut shift) = (0_u64, 0_u32);
        loop {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                return Err(self.fail("varint-too-long"));
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return if byte == 0 { Err(self.fail("varint-not-shortest")) } else { Ok(value) };
            }
            shift += 7;
        }
    }

    /// A varint that is not above `limit`, else an error of this code.
    #[inline]
    pub(super) fn limited(&mut self, limit: u64, code: &'static str) -> Result<u64, QtnError> {
        let value = self.varint()?;
        if value > limit { Err(self.fail(code)) } else { Ok(value) }
    }

    #[inline]
    pub(super) fn zigzag(&mut self) -> Result<i64, QtnError> {
        let value = self.varint()?;
        Ok((value >> 1).cast_signed() ^ -((value & 1).cast_signed()))
    }

    /// What stands before the next NUL, which is passed over.
    #[inline]
    pub(super) fn until_nul(&mut self) -> Result<&'a [u8], QtnError> {
        let rest = self.rest();
        let Some(size) = rest.iter().position(|&byte| byte == 0) else { return Err(self.fail("truncated")) };
        self.at += size + 1;
        Ok(&rest[..size])
    }

    /// Nothing must be left.
    pub(super) const fn close(&self) -> Result<(), QtnError> {
        if self.left() > 0 { Err(self.fail("bytes-left-over")) } else { Ok(()) }
    }
}

/// A stream of bits, the lowest of each byte first.
pub(super) struct Bits<'a> {
    cursor: Cursor<'a>,
    /// How many were taken.
    taken: usize,
}

impl<'a> Bits<'a> {
    pub(super) const fn new(cursor: Cursor<'a>) -> Self {
        Self { cursor, taken: 0 }
    }

    /// The next `width` bits, at most 63.
    #[inline]
    pub(super) fn take(&mut self, width: u32) -> Result<u64, QtnError> {
        let rest = self.cursor.rest().get(self.taken / 8..).unwrap_or_default();
        let shift = (self.taken % 8) as u32;
        let window = match rest.first_chunk::<8>() {
            Some(eight) if width <= 56 => u64::from_le_bytes(*eight) >> shift,
            _ => self.near_end(rest, width)?,
        };
        self.taken += width as usize;
        Ok(window & ((1 << width) - 1))
    }

    /// The same where they may span nine bytes, or the end is near.
    #[cold]
    fn near_end(&self, rest: &[u8], width: u32) -> Result<u64, QtnError> {
        let (shift, near) = (self.taken % 8, &rest[..rest.len().min(9)]);
        if near.len() * 8 < shift + width as usize {
            let end = Cursor { at: self.cursor.data.len(), ..self.cursor };
            return Err(end.fail("truncated"));
        }
        let bytes = near.iter().rev().fold(0, |value, &byte| value << 8 | u128::from(byte));
        Ok((bytes >> shift) as u64)
    }

    /// The cursor behind the last byte that was begun, the rest of which must be zeros.
    pub(super) fn end(mut self) -> Result<Cursor<'a>, QtnError> {
        let last = *self.cursor.raw(self.taken.div_ceil(8))?.last().unwrap_or(&0);
        let used = self.taken % 8;
        if used > 0 && last >> used != 0 { Err(self.cursor.fail("size-padding")) } else { Ok(self.cursor) }
    }
}
