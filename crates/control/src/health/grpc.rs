//! The gRPC health check: one request and its response, both a message of one field.
//! <https://github.com/grpc/grpc/blob/master/doc/health-checking.md>

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};

/// The method called.
pub(super) const METHOD: &str = "/grpc.health.v1.Health/Check";

/// The longest service name whose length fits in one byte; a longer one takes two.
const ONE_BYTE: usize = 127;

/// Encodes the request for this service; without a name, for the server as a whole.
pub(super) fn question(service: &str) -> Bytes {
    let mut message = Vec::new();
    if !service.is_empty() {
        message.push(0x0a); // field 1, text
        let length = service.len();
        if length > ONE_BYTE {
            message.push((length & 0x7f) as u8 | 0x80);
            message.push((length >> 7) as u8);
        } else {
            message.push(length as u8);
        }
        message.extend_from_slice(service.as_bytes());
    }
    let length = (message.len() as u32).to_be_bytes();
    [&[0], &length[..], &message].concat().into() // not compressed
}

/// Decodes a response.
///
/// # Errors
/// Returns why the service is not healthy.
pub(super) fn conclude(
    head: &HeaderMap,
    body: &[u8],
    trailers: Option<&HeaderMap>,
) -> Result<(), String> {
    let said = |name: &str| trailers.and_then(|all| all.get(name)).or_else(|| head.get(name));
    match said("grpc-status").map(HeaderValue::as_bytes) {
        None => return Err("the response is not gRPC: it has no grpc-status".to_owned()),
        Some(b"0") => {}
        Some(b"5") => return Err("gRPC: it knows no service of this name".to_owned()),
        Some(b"12") => return Err("gRPC: it has no health service".to_owned()),
        Some(status) => {
            let message = said("grpc-message").map(HeaderValue::as_bytes).unwrap_or_default();
            let (status, message) = (status.escape_ascii(), message.escape_ascii());
            return Err(format!("gRPC status {status}: {message}"));
        }
    }
    match body {
        [0, 0, 0, 0, 2, 0x08, 1] => Ok(()),
        [0, 0, 0, 0, 2, 0x08, 2] => Err("gRPC: it is not serving".to_owned()),
        [0, 0, 0, 0, 2, 0x08, 3] => Err("gRPC: it knows no service of this name".to_owned()),
        _ => Err("gRPC: its health is unknown".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_names_the_service() {
        assert_eq!(&question("")[..], [0; 5]);
        assert_eq!(&question("a.B")[..], b"\0\0\0\0\x05\x0a\x03a.B");
        let long = "x".repeat(200);
        assert_eq!(&question(&long)[..8], [0, 0, 0, 0, 203, 0x0a, 0xc8, 1]);
    }

    #[test]
    fn only_serving_is_healthy() {
        let fields = |status: &'static str| {
            HeaderMap::from_iter([("grpc-status".parse().unwrap(), status.parse().unwrap())])
        };
        let none = HeaderMap::new();
        let says = |state| [0, 0, 0, 0, 2, 8, state];
        assert_eq!(conclude(&none, &says(1), Some(&fields("0"))), Ok(()));
        for (head, body, trailers, word) in [
            (&none, &says(2)[..], Some(&fields("0")), "not serving"),
            (&none, &[0; 5], Some(&fields("0")), "unknown"),
            (&none, &says(1), Some(&fields("14")), "status 14"),
            (&fields("12"), &[], None, "no health service"),
            (&none, &says(1), None, "not gRPC"),
        ] {
            let said = conclude(head, body, trailers).unwrap_err();
            assert!(said.contains(word), "{said}");
        }
    }
}
