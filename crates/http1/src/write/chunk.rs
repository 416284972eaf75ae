//! Our own chunked framing (RFC 9112 section 7.1): no extensions, lower-case hex.

/// The bytes after the data of a chunk.
pub const CHUNK_END: &[u8] = b"\r\n";

/// Appends the line before `len` bytes of chunk data, such as `1f4\r\n`. `len` must not be 0: that is the last
/// chunk, which [`write_last_chunk`] writes.
pub fn chunk_head(len: usize, room: &mut [u8; 18]) -> &[u8] {
    debug_assert!(len > 0, "a chunk of 0 bytes ends the body");
    room[16..].copy_from_slice(b"\r\n");
    let mut start = 16;
    let mut rest = len;
    loop {
        start -= 1;
        room[start] = b"0123456789abcdef"[rest % 16];
        rest /= 16;
        if rest == 0 {
            return &room[start..];
        }
    }
}

/// Appends the last chunk, trailers as [`BodyReader::trailers`](crate::BodyReader::trailers) returns them, and
/// the end of the body.
pub fn write_last_chunk(out: &mut Vec<u8>, trailers: &[u8]) {
    out.extend_from_slice(b"0\r\n");
    out.extend_from_slice(trailers);
    out.extend_from_slice(b"\r\n");
}
