//! Section 2: what a name, a path and a mode may be.

use super::cursor::Cursor;
use super::error::QtnError;

pub(crate) const ENTRIES_MAX: u64 = 50_000_000;
pub(crate) const DEPTH_MAX: usize = 512;
pub(super) const ID_MAX: u64 = ENTRIES_MAX - 1;
pub(super) const PATH_MAX: usize = 65_535;
const NAME_MAX: usize = 1024;

/// Whether a mode is a directory's.
pub(crate) const fn is_dir(mode: u16) -> bool {
    mode & 0xf000 == 0x4000
}

pub(super) fn is_name(name: &[u8]) -> bool {
    is_plain_name(name) && !name.iter().any(|&byte| byte == b'/' || byte == 0)
}

/// Whether it is a name if it has no `/` and no NUL.
#[inline]
pub(super) fn is_plain_name(name: &[u8]) -> bool {
    !(name.is_empty() || name.len() > NAME_MAX || name == b"." || name == b"..")
}

pub(super) fn is_path(path: &[u8]) -> bool {
    match path {
        b"/" => true,
        [b'/', below @ ..] => path.len() <= PATH_MAX && below.split(|&byte| byte == b'/').all(is_name),
        _ => false,
    }
}

/// A mode, which has a type.
pub(super) fn read_mode(r: &mut Cursor<'_>) -> Result<u16, QtnError> {
    match u16::try_from(r.varint()?) {
        Ok(mode) if mode & 0xf000 != 0 => Ok(mode),
        _ => Err(r.fail("mode")),
    }
}
