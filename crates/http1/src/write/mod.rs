//! Writing heads and chunk framing. Guarantees that the output is one well-formed head with our own framing,
//! whatever was read. Never allocates except to grow the caller's vector.

mod chunk;
mod own;
mod request;
mod response;

pub use chunk::{CHUNK_END, chunk_head, write_last_chunk};
pub use own::write_own;
pub use request::{Forwarding, Trace, write_request};
pub use response::{ToClient, write_informational, write_response};

use crate::{Version, field::may_be_trailer, token};

/// Appends one field line.
fn field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Appends one field line with a number.
fn number_field(out: &mut Vec<u8>, name: &str, value: u64) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    decimal(out, value);
    out.extend_from_slice(b"\r\n");
}

fn decimal(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

/// Appends `Trailer` anew (RFC 9110 section 6.6.2): the announced names that [`crate::BodyReader`] lets pass,
/// if there are any.
fn trailer_field<'b>(out: &mut Vec<u8>, values: impl Iterator<Item = &'b [u8]>) {
    let mut separator: &[u8] = b"trailer: ";
    for name in values.flat_map(token::elements) {
        if token::is_token(name) && may_be_trailer(name) {
            out.extend_from_slice(separator);
            out.extend_from_slice(name);
            separator = b", ";
        }
    }
    if separator == b", " {
        out.extend_from_slice(b"\r\n");
    }
}

/// Appends our own `Via` element, after those received (RFC 9110 section 7.6.3).
fn via(out: &mut Vec<u8>, received: Version, pseudonym: &str) {
    out.extend_from_slice(match received {
        Version::Http10 => b"via: 1.0 ",
        Version::Http11 => b"via: 1.1 ",
    });
    out.extend_from_slice(pseudonym.as_bytes());
    out.extend_from_slice(b"\r\n");
}
