//! What every document begins and ends with: magic, flags, sections, check.

use super::cursor::Cursor;
use super::error::QtnError;
use super::xxh64::xxh64;

pub(super) const SNAPSHOT: [u8; 3] = [1, 2, 3];
pub(super) const DELTA: [u8; 3] = [1, 2, 4];
pub(super) const BATCH: [u8; 3] = [1, 2, 5];
pub(super) const MANIFEST: [u8; 3] = [1, 2, 6];

pub(super) const FLAG_SIZES: u8 = 1;
pub(super) const FLAG_VOID_DIGEST: u8 = 2;
const FLAG_SECTIONS: u8 = 4;
const BEGIN: usize = 4; // magic and flags

/// A reader of what is between the sections and the check (whose size this is), and the flags.
pub(super) fn open(
    data: &[u8],
    magic: [u8; 3],
    known_flags: u8,
    check_size: usize,
) -> Result<(Cursor<'_>, u8), QtnError> {
    let Some(body) = data.len().checked_sub(check_size).filter(|&body| body >= BEGIN) else {
        return Err(QtnError::new("truncated", data.len()));
    };
    if data[..3] != magic {
        return Err(QtnError::new("magic", 0));
    }
    let flags = data[3];
    if flags & !(known_flags | FLAG_SECTIONS) != 0 {
        return Err(QtnError::new("unknown-version", 3));
    }
    let (content, check) = data.split_at(body);
    if xxh64(content).to_le_bytes()[..check_size] != *check {
        return Err(QtnError::new("check", body));
    }
    let mut r = Cursor::new(&content[BEGIN..], BEGIN);
    if flags & FLAG_SECTIONS != 0 {
        pass_sections(&mut r)?;
    }
    Ok((r, flags))
}

/// Version 1 knows no section: it passes over those that are ancillary.
fn pass_sections(r: &mut Cursor<'_>) -> Result<(), QtnError> {
    let mut last = 0;
    loop {
        let tag = r.varint()?;
        if tag == 0 && last > 0 {
            return Ok(());
        }
        if tag <= last || tag % 2 == 0 {
            return Err(r.fail("section"));
        }
        let size = r.varint()?;
        r.raw(usize::try_from(size).unwrap_or(usize::MAX))?;
        last = tag;
    }
}

/// The document with the check that it needs at its end.
pub(super) fn sealed(mut data: Vec<u8>) -> Vec<u8> {
    let check = xxh64(&data);
    data.extend_from_slice(&check.to_le_bytes());
    data
}
