//! Rows F1-F7 and F14: the lengths of request bodies.

use testkit::Framing;

use super::{canary, cut_short, passed, post, refused};
use crate::setup::Setup;

const CHUNKED: &str = "Transfer-Encoding: chunked";

#[test]
fn f1_content_length_with_transfer_encoding_is_refused() {
    let setup = Setup::new();
    let smuggled = "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n";
    refused(
        &setup,
        &[400],
        &[
            post("F1", &format!("Content-Length: 4\r\n{CHUNKED}"), smuggled),
            post("F1", &format!("{CHUNKED}\r\nContent-Length: 4"), smuggled),
            post("F1", &format!("{CHUNKED}\r\nContent-Length: 0"), smuggled),
        ],
    );
    setup.finish();
}

#[test]
fn f2_any_other_coding_than_one_chunked_is_refused() {
    let setup = Setup::new();
    let lines = [
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: ,chunked",
        "Transfer-Encoding: chunked,",
        "Transfer-Encoding: chunked;p=1",
        "Transfer-Encoding: \x0bchunked",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: chunked, gzip",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding:",
        "Transfer-Encoding:\r\n chunked",
        "Transfer-Encoding\x00: chunked",
    ];
    let rows = lines.map(|line| post("F2", line, "5\r\nhello\r\n0\r\n\r\n"));
    refused(&setup, &[400], &rows);
    let unknown = post("F2", "Transfer-Encoding: gzip, chunked", "5\r\nhello\r\n0\r\n\r\n");
    refused(&setup, &[501], &[unknown]);
    let fine = ["Transfer-Encoding: CHUNKED", "Transfer-Encoding: \t chunked\t "];
    passed(&setup, &fine.map(|line| post("F2", line, "5\r\nhello\r\n0\r\n\r\n")));
    setup.finish();
}

#[test]
fn f3_http_1_0_requests_have_a_length_or_no_body() {
    let setup = Setup::new();
    let chunked =
        format!("POST / HTTP/1.0\r\nHost: test\r\n{CHUNKED}\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    refused(&setup, &[400], &[("F3", chunked)]);
    let unframed =
        "POST / HTTP/1.0\r\nHost: test\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n";
    setup.blue.seen().forget();
    let mut client = setup.client();
    client.send(unframed);
    let answer = client.answer();
    assert!(matches!(answer.status, 200 | 400 | 411), "{}", answer.status);
    assert!(client.ending(crate::setup::SOON).ended());
    assert!(setup.blue.seen().requests_to("/smuggled").is_empty());
    assert!(setup.blue.seen().requests().iter().all(|request| request.body_length == 0));
    setup.finish();
}

#[test]
fn f4_a_content_length_is_one_number() {
    let setup = Setup::new();
    let lines = [
        "Content-Length: +5",
        "Content-Length: -5",
        "Content-Length: 0x5",
        "Content-Length: 5_0",
        "Content-Length: 5 5",
        "Content-Length: 5, 6",
        "Content-Length:",
        "Content-Length: five",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5\r\nContent-Length:",
        "Content-Length:\r\nContent-Length: 5",
        "Content-Length: 18446744073709551616",
        "Content-Length: 99999999999999999999999999999",
        "Content-Length: 5.0",
        "Content-Length: \u{b2}",
        "Content-Length : 5",
        "Content-Length:\r\n 5",
    ];
    refused(&setup, &[400, 413], &lines.map(|line| post("F4", line, "hello")));
    for line in
        ["Content-Length: 5", "Content-Length: 5\r\nContent-Length: 5", "Content-Length: 005"]
    {
        setup.blue.seen().forget();
        let mut client = setup.client();
        client.send(post("F4", line, "hello").1);
        let answer = client.answer();
        assert!(matches!(answer.status, 200 | 400), "{line}");
        // If it is accepted at all, then as one number.
        for request in setup.blue.seen().requests() {
            assert_eq!((request.framing, &*request.body), (Framing::Length(5), &b"hello"[..]));
        }
        canary(&setup, "F4");
    }
    setup.finish();
}

#[test]
fn f5_a_chunk_size_is_hexadecimal_digits_and_nothing_else() {
    let setup = Setup::new();
    let bodies = [
        "0x5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "5_\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "5g\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        "10000000000000005\r\nhello\r\n0\r\n\r\n",
        "ffffffffffffffff1\r\nhello\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\rhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0_\r\n\r\n",
        "5\r\nhello\r\ng\r\n\r\n",
    ];
    cut_short(&setup, &bodies.map(|body| post("F5", CHUNKED, body)));
    let fine =
        ["5\r\nhello\r\n0\r\n\r\n", "A\r\nhellohello\r\n0\r\n\r\n", "005\r\nhello\r\n00\r\n\r\n"];
    passed(&setup, &fine.map(|body| post("F5", CHUNKED, body)));
    setup.finish();
}

#[test]
fn f6_chunk_extensions_are_dropped_and_bounded() {
    let setup = Setup::new();
    let long = format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(20_000));
    let each = "1;abcdefgh=\"ijklmnop\"\r\nx\r\n".repeat(3000) + "0\r\n\r\n";
    let bodies = [
        "5;a\nb\r\nhello\r\n0\r\n\r\n",
        "5;a\rb\r\nhello\r\n0\r\n\r\n",
        "5;a=\"b\nc\"\r\nhello\r\n0\r\n\r\n",
        "5;a=b\nhello\r\n0\r\n\r\n",
        &long,
        &each,
    ];
    cut_short(&setup, &bodies.map(|body| post("F6", CHUNKED, body)));
    let fine = ["5;a=b;c=\"d\"\r\nhello\r\n0;last\r\n\r\n", "5;x\r\nhello\r\n0\r\n\r\n"];
    for body in fine {
        // The target's reader refuses extensions, so this also shows that none arrives.
        passed(&setup, &[post("F6", CHUNKED, body)]);
    }
    setup.finish();
}

#[test]
fn f7_a_truncated_or_misframed_body_never_looks_complete() {
    let setup = Setup::new();
    let bodies = [
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello\rX0\r\n\r\n",
        "5\r\nhelloX\r\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "3\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\nX\r\n\r\n",
        "5\r\nhello\r\n0\r\n\n",
    ];
    cut_short(&setup, &bodies.map(|body| post("F7", CHUNKED, body)));
    for (lines, body) in
        [(CHUNKED, "5\r\nhel"), (CHUNKED, "5\r\nhello\r\n"), ("Content-Length: 9", "hello")]
    {
        setup.blue.seen().forget();
        let mut client = setup.client();
        client.send(post("F7", lines, body).1);
        testkit::wait_until(crate::setup::SOON, "the request has begun", || {
            setup.blue.seen().count() == 1
        });
        client.half_close();
        let _cut = client.ending(crate::setup::SOON);
        testkit::wait_until(crate::setup::SOON, "the lease has ended", || {
            setup.teal.color("blue")["in_flight"] == 0
        });
        assert!(setup.blue.seen().requests().iter().all(|request| !request.complete), "{body}");
        canary(&setup, "F7");
    }
    setup.finish();
}

#[test]
fn f14_a_body_is_framed_exactly_whatever_the_method() {
    let setup = Setup::new();
    for method in ["GET", "HEAD", "DELETE", "OPTIONS", "PATCH", "PURGE"] {
        for (lines, body) in
            [("Content-Length: 5", "hello"), (CHUNKED, "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n")]
        {
            setup.blue.seen().forget();
            let mut client = setup.client();
            client.send(format!("{method} /b HTTP/1.1\r\nHost: test\r\n{lines}\r\n\r\n{body}"));
            let answer = client.read_answer(method == "HEAD").expect("a whole answer");
            assert_eq!(answer.status, 200, "{method} {lines}");
            let request = &setup.blue.seen().requests()[0];
            assert_eq!(
                (&*request.body, request.complete),
                (&b"hello"[..], true),
                "{method} {lines}"
            );
            canary(&setup, "F14");
        }
    }
    setup.finish();
}
