//! Fixed-width fields of the files: little-endian integers, and the preamble at the start of every file
//! and slot. Reading is total: input that is too short is `None`, never a panic.
//!
//! The preamble has its own checksum, so that "another version" and "damaged" can be distinguished
//! whatever a later version puts after it.

/// The version of the format that this program reads and writes.
pub(super) const VERSION: u32 = 1;

/// Magic (8), version (4), CRC-32 of the two (4).
pub(super) const PREAMBLE: usize = 16;

/// The reason a preamble, or the data after it, cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// Intact, but of another version.
    Version(u32),
    /// Not the bytes that were written.
    Damaged(&'static str),
}

/// Returns the `u32` at `offset`.
pub(super) fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    let field = bytes.get(offset..)?.first_chunk()?;
    Some(u32::from_le_bytes(*field))
}

/// Returns the `u64` at `offset`.
pub(super) fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    let field = bytes.get(offset..)?.first_chunk()?;
    Some(u64::from_le_bytes(*field))
}

/// Creates a buffer that begins with the preamble.
pub(super) fn preamble(magic: [u8; 8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    out.extend_from_slice(&magic);
    out.extend_from_slice(&VERSION.to_le_bytes());
    seal(&mut out);
    out
}

/// Appends the CRC-32 of the bytes in `out`.
pub(super) fn seal(out: &mut Vec<u8>) {
    let crc = crc32fast::hash(out);
    out.extend_from_slice(&crc.to_le_bytes());
}

/// Returns the first `length` bytes, after checking their preamble and the CRC at their end.
pub(super) fn unseal(bytes: &[u8], magic: [u8; 8], length: usize) -> Result<&[u8], Unreadable> {
    let head = sealed(bytes, PREAMBLE)?;
    if !head.starts_with(&magic) {
        return Err(Unreadable::Damaged("it does not begin like a Teal file"));
    }
    match u32_at(head, magic.len()) {
        Some(VERSION) => sealed(bytes, length),
        Some(other) => Err(Unreadable::Version(other)),
        None => Err(Unreadable::Damaged("it is too short")),
    }
}

fn sealed(bytes: &[u8], length: usize) -> Result<&[u8], Unreadable> {
    let all = bytes.get(..length).ok_or(Unreadable::Damaged("it is too short"))?;
    let (content, crc) =
        all.split_last_chunk::<4>().ok_or(Unreadable::Damaged("it is too short"))?;
    if crc32fast::hash(content) != u32::from_le_bytes(*crc) {
        return Err(Unreadable::Damaged("its checksum does not match"));
    }
    Ok(all)
}
