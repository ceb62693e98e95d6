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
    pool: u128,
    held: u32,
}

impl<'a> Bits<'a> {
    pub(super) const fn new(cursor: Cursor<'a>) -> Self {
        Self { cursor, pool: 0, held: 0 }
    }

    #[inline]
    pub(super) fn take(&mut self, width: u32) -> Result<u64, QtnError> {
        if self.held < width {
            self.fill(width)?;
        }
        let value = (self.pool as u64) & ((1_u64 << width) - 1);
        self.pool >>= width;
        self.held -= width;
        Ok(value)
    }

    /// Eight bytes where there are so many, else one by one as many as are needed: the cursor ends where the bits do.
    fn fill(&mut self, width: u32) -> Result<(), QtnError> {
        if let Some(eight) = self.cursor.rest().first_chunk::<8>() {
            self.pool |= u128::from(u64::from_le_bytes(*eight)) << self.held;
            self.held += 64;
            self.cursor.at += 8;
            return Ok(());
        }
        while self.held < width {
            self.pool |= u128::from(self.cursor.byte()?) << self.held;
            self.held += 8;
        }
        Ok(())
    }

    /// The cursor behind the last byte that was begun, the rest of which must be zeros.
    pub(super) fn end(mut self) -> Result<Cursor<'a>, QtnError> {
        let unread = self.held / 8;
        self.cursor.at -= unread as usize;
        if self.pool & ((1_u128 << (self.held % 8)) - 1) != 0 {
            return Err(self.cursor.fail("size-padding"));
        }
        Ok(self.cursor)
    }
}
