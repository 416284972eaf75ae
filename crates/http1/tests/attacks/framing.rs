//! F1 to F4, F14: how long a request body is.

use super::{get, own_lines, post, status_of, with_request};
use http1::BodyLength;

#[test]
fn f1_content_length_and_transfer_encoding_together_are_refused_in_any_order() {
    for lines in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\nX: y\r\nContent-Length: 0\r\n",
        "content-length: 5\r\nTRANSFER-ENCODING: Chunked\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: identity\r\n",
        "Content-Length: 5\r\nTransfer-Encoding:\r\n",
    ] {
        assert_eq!(status_of(&post(lines)), 400, "{lines:?}");
    }
}

#[test]
fn f2_transfer_encoding_is_exactly_one_chunked() {
    for value in ["chunked", "Chunked", "CHUNKED", "  chunked  ", "\tchunked\t", "chunked\t"] {
        let request = post(&format!("Transfer-Encoding:{value}\r\n"));
        assert_eq!(
            own_lines(&request),
            ["POST / HTTP/1.1", "host: a.test", "transfer-encoding: chunked"],
            "{value:?}",
        );
    }
}

#[test]
fn f2_obfuscated_transfer_encodings_are_refused() {
    for lines in [
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunkedx\r\n",
        "Transfer-Encoding: ,chunked\r\n",
        "Transfer-Encoding: chunked,\r\n",
        "Transfer-Encoding: chunked, \r\n",
        "Transfer-Encoding: chunked;p=1\r\n",
        "Transfer-Encoding: \"chunked\"\r\n",
        "Transfer-Encoding: 'chunked'\r\n",
        "Transfer-Encoding: chunked chunked\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: chunked, gzip\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: \r\n",
        "Transfer-Encoding:\r\n",
        "Transfer-Encoding: \x0bchunked\r\n",
        "Transfer-Encoding: chunked\x0c\r\n",
        "Transfer-Encoding: chunked\0\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding\t: chunked\r\n",
        " Transfer-Encoding: chunked\r\n",
        "X: y\r\n Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: ch\u{fc}nked\r\n",
    ] {
        assert_eq!(status_of(&post(lines)), 400, "{lines:?}");
    }
}

#[test]
fn f2_a_coding_before_chunked_is_not_implemented() {
    for value in ["gzip, chunked", "gzip,chunked", "deflate, gzip, Chunked", "identity, chunked"] {
        assert_eq!(status_of(&post(&format!("Transfer-Encoding: {value}\r\n"))), 501, "{value:?}");
    }
}

#[test]
fn f3_transfer_encoding_and_bodies_without_length_are_refused_in_http_1_0() {
    for head in [
        "POST / HTTP/1.0\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.0\r\nHost: a.test\r\n\r\n",
        "PUT / HTTP/1.0\r\nHost: a.test\r\n\r\n",
        "PATCH / HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n",
    ] {
        assert_eq!(status_of(head.as_bytes()), 400, "{head:?}");
    }
    let fine = b"POST / HTTP/1.0\r\nHost: a.test\r\nContent-Length: 3\r\n\r\n";
    assert_eq!(with_request(fine, |request| request.body), Ok(BodyLength::Length(3)));
    let fine = b"GET / HTTP/1.0\r\nHost: a.test\r\n\r\n";
    assert_eq!(with_request(fine, |request| request.body), Ok(BodyLength::None));
}

#[test]
fn f4_content_length_variants_that_are_not_one_number_are_refused() {
    for lines in [
        "Content-Length: +5\r\n",
        "Content-Length: -5\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: 5_0\r\n",
        "Content-Length: 5 5\r\n",
        "Content-Length: 5, 6\r\n",
        "Content-Length: 5,05\r\n",
        "Content-Length: 5,\r\n",
        "Content-Length: ,5\r\n",
        "Content-Length: 5;\r\n",
        "Content-Length: 5.0\r\n",
        "Content-Length: 1e3\r\n",
        "Content-Length: \"5\"\r\n",
        "Content-Length:\r\n",
        "Content-Length: \r\n",
        "Content-Length:\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length:\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5\r\nContent-Length: 05\r\n",
        "Content-Length: 9223372036854775809\r\n",
        "Content-Length: 18446744073709551616\r\n",
        "Content-Length: 99999999999999999999999999999\r\n",
        "Content-Length : 5\r\n",
        "Content-Length: \u{661}\r\n",
        "Content-Length: 5\x0b\r\n",
    ] {
        assert_eq!(status_of(&post(lines)), 400, "{lines:?}");
    }
}

#[test]
fn f4_one_number_however_often_goes_upstream_once_and_in_canonical_form() {
    for (lines, number) in [
        ("Content-Length: 5\r\n", "5"),
        ("Content-Length:\t5 \r\n", "5"),
        ("content-LENGTH: 5\r\nContent-Length: 5\r\n", "5"),
        ("Content-Length: 5, 5\r\n", "5"),
        ("Content-Length: 5,5\r\nContent-Length: 5\r\n", "5"),
        ("Content-Length: 0005\r\n", "5"),
        ("Content-Length: 0\r\n", "0"),
        ("Content-Length: 9223372036854775808\r\n", "9223372036854775808"),
    ] {
        assert_eq!(
            own_lines(&post(lines)),
            ["POST / HTTP/1.1", "host: a.test", &format!("content-length: {number}")],
            "{lines:?}",
        );
    }
}

#[test]
fn f14_bodies_of_any_method_are_forwarded_exactly_framed() {
    for method in ["GET", "HEAD", "DELETE", "OPTIONS", "POST", "PURGE"] {
        for (line, framing) in [
            ("Content-Length: 7", "content-length: 7"),
            ("Transfer-Encoding: chunked", "transfer-encoding: chunked"),
        ] {
            let raw = format!("{method} / HTTP/1.1\r\nHost: a.test\r\n{line}\r\n\r\n");
            assert_eq!(
                own_lines(raw.as_bytes()),
                [&format!("{method} / HTTP/1.1"), "host: a.test", framing],
            );
        }
    }
}

#[test]
fn f14_a_request_without_framing_fields_has_no_body_and_gets_none() {
    for raw in [get(""), post("")] {
        assert_eq!(own_lines(&raw).len(), 2);
        assert_eq!(with_request(&raw, |request| request.body), Ok(BodyLength::None));
    }
}
