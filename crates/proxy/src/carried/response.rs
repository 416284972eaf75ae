//! Answer heads from HTTP/1.1 to HTTP/2 or HTTP/3: what was written for the client, as a status and fields.

use std::io;

use bytes::Bytes;
use connect::http2::is_of_connection;
use http::{HeaderMap, Response, StatusCode, header};
use http1::BodyLength;

use super::head_lines::{HeadLines, append, length};
use super::request::GRPC;

/// A head to be sent.
#[derive(Debug)]
pub(crate) enum ResponseHead {
    Interim(Response<()>),
    /// The body follows, with this framing.
    Final {
        response: Response<()>,
        framing: BodyLength,
        /// A tunnel begins.
        opens: bool,
    },
}

/// Parses the head of an answer that we have written. `bodiless`: the request was a HEAD; `tunnel`: the request
/// asked for a tunnel.
///
/// # Errors
/// If there is no status.
pub(crate) fn response_head(
    head: &Bytes,
    bodiless: bool,
    tunnel: bool,
) -> io::Result<ResponseHead> {
    let lines = HeadLines::of(head);
    let status = status(lines.first)?;
    let (fields, framing) = fields(head, &lines);
    let mut response = Response::new(());
    *response.headers_mut() = fields;
    if status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS {
        *response.status_mut() = status;
        return Ok(ResponseHead::Interim(response));
    }
    let opens = tunnel && status == StatusCode::SWITCHING_PROTOCOLS;
    let framing = match status {
        _ if opens => BodyLength::UntilClose, // RFC 8441 section 5
        _ if bodiless => BodyLength::None,
        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED => BodyLength::None,
        _ => framing,
    };
    *response.status_mut() = match status {
        _ if opens => StatusCode::OK,
        // Anything else would look like an open tunnel without being one.
        status if tunnel && status.is_success() => StatusCode::BAD_GATEWAY,
        status => status,
    };
    Ok(ResponseHead::Final { response, framing, opens })
}

fn status(line: &[u8]) -> io::Result<StatusCode> {
    let digits = line.get(9..12).unwrap_or_default();
    StatusCode::from_bytes(digits).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// Returns the fields of an answer that exist in HTTP/2 and HTTP/3, and the framing of its body.
fn fields(head: &Bytes, lines: &HeadLines<'_>) -> (HeaderMap, BodyLength) {
    let mut fields = HeaderMap::with_capacity(lines.count());
    let mut framing = BodyLength::None;
    let mut grpc = false;
    for (name, value) in lines.fields() {
        if name.eq_ignore_ascii_case(b"content-type") {
            grpc = value.starts_with(GRPC);
        } else if name.eq_ignore_ascii_case(b"content-length") {
            framing = length(value).map_or(framing, BodyLength::Length);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            framing = BodyLength::Chunked;
        }
        let handshake = name.eq_ignore_ascii_case(b"sec-websocket-accept"); // RFC 8441 section 5
        if !is_of_connection(name) && !handshake {
            append(&mut fields, name, head.slice_ref(value));
        }
    }
    // It frames a trailers-only answer in HTTP/1.1. Here the end of the stream does, and gRPC does not define
    // the field.
    if grpc && framing == BodyLength::Length(0) {
        fields.remove(header::CONTENT_LENGTH);
    }
    (fields, framing)
}
