//! Teal's own answers. Guarantees that nothing put into a field can begin another line.

use super::{field, number_field, response::status_line};
use crate::{status::reason_phrase, token};

/// Appends a whole answer: head, `Content-Length`, and the body unless the request was a HEAD
/// (`head`) or the status has none (1xx, 204, 304). `close` adds `Connection: close`; an HTTP/1.0
/// client must always be given `close`. There is no clock here: pass `date` among `fields` (see
/// [`http_date`](crate::http_date)). A field that would not be one well-formed line is left out.
pub fn write_own(
    out: &mut Vec<u8>,
    status: u16,
    fields: &[(&str, &str)],
    body: &[u8],
    close: bool,
    head: bool,
) {
    status_line(out, status, reason_phrase(status));
    for (name, value) in fields {
        let fine = token::is_token(name.as_bytes()) && value.bytes().all(token::is_value_byte);
        if fine {
            field(out, name, value.as_bytes());
        }
    }
    let bodiless = status < 200 || matches!(status, 204 | 304);
    if !bodiless {
        number_field(out, "content-length", body.len() as u64);
    }
    if close {
        out.extend_from_slice(b"connection: close\r\n");
    }
    out.extend_from_slice(b"\r\n");
    if !bodiless && !head {
        out.extend_from_slice(body);
    }
}
