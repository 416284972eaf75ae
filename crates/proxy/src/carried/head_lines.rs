//! HTTP/1.1 heads as bytes, on their way into a protocol that has fields instead.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

/// The bytes of a head while they arrive.
#[derive(Debug, Default)]
pub(crate) struct HeadBuffer {
    bytes: Vec<u8>,
}

/// A head as lines: the first, then names and values.
#[derive(Debug)]
pub(crate) struct HeadLines<'h> {
    pub(crate) first: &'h [u8],
    rest: &'h [u8],
}

// === impl HeadBuffer ===

impl HeadBuffer {
    /// Takes the bytes that belong to the head. Returns the head too, once it is complete.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> (usize, Option<Bytes>) {
        if self.bytes.is_empty()
            && let Some(end) = end_of_head(bytes, 0)
        {
            return (end, Some(Bytes::copy_from_slice(&bytes[..end])));
        }
        let before = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        let Some(end) = end_of_head(&self.bytes, before.saturating_sub(3)) else {
            return (bytes.len(), None);
        };
        self.bytes.truncate(end);
        (end - before, Some(std::mem::take(&mut self.bytes).into()))
    }
}

/// Returns the end of a head, searching from `from` on.
fn end_of_head(bytes: &[u8], from: usize) -> Option<usize> {
    let ends = |at: &usize| bytes.get(at.saturating_sub(3)..=*at) == Some(b"\r\n\r\n");
    memchr::memchr_iter(b'\n', &bytes[from..]).map(|at| from + at).find(ends).map(|at| at + 1)
}

// === impl HeadLines ===

impl<'h> HeadLines<'h> {
    /// Parses the lines of a head that we have written ourselves, up to the empty one.
    pub(crate) fn of(head: &'h [u8]) -> Self {
        let (first, rest) = split(head);
        Self { first, rest }
    }

    /// Parses lines that are all fields.
    pub(crate) fn without_first(fields: &'h [u8]) -> Self {
        Self { first: b"", rest: fields }
    }

    /// Returns an upper bound of the number of fields.
    pub(crate) fn count(&self) -> usize {
        memchr::memchr_iter(b'\n', self.rest).count()
    }

    /// Returns the name and value of each field.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'h [u8], &'h [u8])> + use<'h> {
        let mut rest = self.rest;
        std::iter::from_fn(move || {
            let (line, after) = split(rest);
            rest = after;
            let colon = memchr::memchr(b':', line)?;
            let value = line.get(colon + 1..).unwrap_or_default();
            Some((line.get(..colon).unwrap_or_default(), value.trim_ascii()))
        })
    }
}

/// Returns a line, and what follows it.
fn split(text: &[u8]) -> (&[u8], &[u8]) {
    // Heads that we have written contain a CR only at the end of a line.
    let end = memchr::memchr(b'\r', text).unwrap_or(text.len());
    (text.get(..end).unwrap_or_default(), text.get(end + 2..).unwrap_or_default())
}

/// Adds a field. One that can't be written in HTTP/2 or HTTP/3 is left out; the engine passes none.
pub(crate) fn append(fields: &mut HeaderMap, name: &[u8], value: Bytes) {
    let name = HeaderName::from_bytes(name);
    if let (Ok(name), Ok(mut value)) = (name, HeaderValue::from_maybe_shared(value)) {
        // A value that changes every time would only evict useful entries from the peer's table, and looking it
        // up there is slow (RFC 7541 section 6.2.2, RFC 9204 section 4.5.4).
        value.set_sensitive(UNIQUE.contains(&name.as_str()));
        fields.append(name, value);
    }
}

/// Fields whose values are hardly ever the same twice.
const UNIQUE: [&str; 3] = ["x-request-id", "traceparent", "content-length"];

/// Parses the number in a `Content-Length`.
pub(crate) fn length(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_whole_at_its_empty_line_wherever_it_was_cut() {
        let head = b"HTTP/1.1 200 OK\r\nA: 1\r\nB:  2 \r\n\r\n";
        let message = [&head[..], b"body"].concat();
        for cut in 0..message.len() {
            let mut gathered = HeadBuffer::default();
            let (first, second) = message.split_at(cut);
            let (taken, whole) = gathered.take(first);
            let whole = whole.unwrap_or_else(|| {
                assert_eq!(taken, cut);
                gathered.take(second).1.expect("all of it")
            });
            assert_eq!(whole, head[..]);
        }
        let lines = HeadLines::of(head);
        assert_eq!(lines.first, b"HTTP/1.1 200 OK");
        let fields: Vec<_> = lines.fields().collect();
        assert_eq!(fields, [(&b"A"[..], &b"1"[..]), (b"B", b"2")]);
    }
}
