//! F5 to F8: chunked bodies, trailers, and ends that are not there.

use http1::{
    BodyError, BodyLength, BodyReader, CHUNK_END, Decoded, Limits, chunk_head, write_last_chunk,
};

/// The payload, the unused rest and the trailers.
type Read = (Vec<u8>, Vec<u8>, Vec<u8>);

/// Reads a chunked body that arrives in pieces of `step` bytes.
fn read(raw: &[u8], step: usize) -> Result<Read, BodyError> {
    let mut reader = BodyReader::new(BodyLength::Chunked);
    let mut payload = Vec::new();
    let mut at = 0;
    while at < raw.len() && !reader.is_done() {
        let mut buf = raw[at..raw.len().min(at + step)].to_vec();
        let decoded = reader.decode(&mut buf)?;
        assert!(decoded.data.end <= decoded.consumed);
        assert_eq!(decoded.done, reader.is_done());
        assert!(decoded.done || decoded.consumed == buf.len(), "everything is consumed");
        payload.extend_from_slice(&buf[decoded.data]);
        at += decoded.consumed;
    }
    reader.eof()?;
    Ok((payload, raw[at..].to_vec(), reader.trailers().to_vec()))
}

fn payload(raw: &str) -> Result<String, BodyError> {
    read(raw.as_bytes(), raw.len())
        .map(|(payload, ..)| String::from_utf8(payload).expect("tests send text"))
}

#[test]
fn f5_sizes_that_are_not_plain_hex_are_refused() {
    for size in [
        "0x5",
        "+5",
        "-5",
        "5_",
        "_5",
        " 5",
        "\t5",
        "5 ",
        "5\t",
        "5 5",
        "",
        ";x",
        "g",
        "5h",
        "5.",
        "5\0",
        "\u{665}",
        "00000000000000005",
        "fffffffffffffffff",
        "10000000000000000",
    ] {
        let raw = format!("{size}\r\nhello\r\n0\r\n\r\n");
        assert!(payload(&raw).is_err(), "{size:?}");
    }
    for raw in [
        "5\nhello\r\n0\r\n\r\n",
        "5\rhello\r\n0\r\n\r\n",
        "5\r\rhello",
        "\r\n5\r\nhello",
        "5\rXhello\r\n0\r\n\r\n",
        "0\rX\r\n",
    ] {
        assert!(payload(raw).is_err(), "{raw:?}");
    }
}

#[test]
fn f5_sizes_in_any_case_and_with_leading_zeros_are_read() {
    for raw in [
        "5\r\nhello\r\n0\r\n\r\n",
        "0000000000000005\r\nhello\r\n0000000000000000\r\n\r\n",
        "2\r\nhe\r\n1\r\nl\r\n2\r\nlo\r\n0\r\n\r\n",
    ] {
        assert_eq!(payload(raw).as_deref(), Ok("hello"), "{raw:?}");
    }
    let long = "x".repeat(0xab);
    for size in ["ab", "AB", "aB"] {
        assert_eq!(payload(&format!("{size}\r\n{long}\r\n0\r\n\r\n")).as_ref(), Ok(&long));
    }
    let mut reader = BodyReader::new(BodyLength::Chunked);
    let mut buf = *b"ffffffffffffffff\r\nabc";
    let decoded = reader.decode(&mut buf).unwrap();
    assert_eq!(decoded, Decoded { consumed: 21, data: 18..21, done: false });
}

#[test]
fn f6_extensions_are_dropped_and_bounded() {
    for raw in [
        "5;a=b\r\nhello\r\n0;z\r\n\r\n",
        "5;a=\"b;c\"\r\nhello\r\n0\r\n\r\n",
        "5 ;a=b\r\nhello\r\n0\r\n\r\n",
        "5\t ; a = b\r\nhello\r\n0\r\n\r\n",
        "5;a;b=\"\u{e9}\\\"\"\r\nhello\r\n0\r\n\r\n",
    ] {
        assert_eq!(payload(raw).as_deref(), Ok("hello"), "{raw:?}");
    }
    for extension in [";a\nb", ";a\rb", ";a\0", ";\"a\r\n\"", ";a\x7f", ";a\x0b", ";\n"] {
        let raw = format!("5{extension}\r\nhello\r\n0\r\n\r\n");
        assert!(payload(&raw).is_err(), "{extension:?}");
    }
    // r26: neither a name nor a name and a value.
    for extension in [
        ";",
        ";;a",
        ";a;",
        ";=b",
        ";a=",
        ";a b",
        ";a=\"b",
        ";a=\"b\"c",
        ";a=b c",
        ";\u{e9}",
        ";a ",
        ";a,b",
    ] {
        for raw in [
            format!("5{extension}\r\nhello\r\n0\r\n\r\n"),
            format!("5\r\nhello\r\n0{extension}\r\n\r\n"),
        ] {
            assert!(payload(&raw).is_err(), "{raw:?}");
        }
    }
    let one = |bytes: usize| format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(bytes - 1));
    assert!(payload(&one(16 * 1024)).is_ok());
    assert!(payload(&one(16 * 1024 + 1)).is_err());
    let many = "1;abc\r\nx\r\n".repeat(16 * 1024 / 4 + 1) + "0\r\n\r\n";
    assert!(payload(&many).is_err(), "they are bounded together");
}

#[test]
fn f7_data_that_is_not_followed_by_crlf_is_refused() {
    for raw in [
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello\rX0\r\n\r\n",
        "5\r\nhelloX\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhelloX\r\n0\r\n\r\n",
        "5\r\nhello \r\n0\r\n\r\n",
        "5\r\nhell\r\n0\r\n\r\n",
    ] {
        assert!(payload(raw).is_err(), "{raw:?}");
    }
}

// L3
#[test]
fn f7_a_body_cut_anywhere_is_not_complete() {
    let raw = b"5\r\nhello\r\n3;x\r\nabc\r\n0\r\nX: y\r\n\r\n";
    for cut in 0..raw.len() {
        assert!(read(&raw[..cut], raw.len()).is_err(), "cut at {cut}");
    }
    assert!(read(raw, raw.len()).is_ok());
    let mut length = BodyReader::new(BodyLength::Length(5));
    length.decode(&mut b"hell".to_vec()).unwrap();
    assert!(length.eof().is_err());
}

#[test]
fn f7_bytes_after_the_body_are_left_alone() {
    let (payload, rest, _) = read(b"1\r\nx\r\n0\r\n\r\nGET / HTTP/1.1\r\n", 1000).unwrap();
    assert_eq!((&payload[..], &rest[..]), (&b"x"[..], &b"GET / HTTP/1.1\r\n"[..]));
    let mut reader = BodyReader::new(BodyLength::Length(3));
    let decoded = reader.decode(&mut b"abcGET".to_vec()).unwrap();
    assert_eq!(decoded, Decoded { consumed: 3, data: 0..3, done: true });
    assert!(reader.eof().is_ok());
}

#[test]
fn a_chunked_body_reads_the_same_however_it_arrives() {
    for raw in [
        "5\r\nhello\r\n0\r\n\r\nrest",
        "5;ext=1\r\nhello\r\n1 ;y\r\n!\r\n000\r\nX-Sum: abc\r\nY: \t z \r\n\r\n\r\n",
        "0\r\n\r\n",
        "0\r\nContent-Length: 5\r\n\r\nrest",
        "5\r\nhello\r\n5\r\nhelloX\r\n",
        "0\r\nbroken trailer\r\n\r\n",
        "0\r\nX: y\n\r\n",
    ] {
        let at_once = read(raw.as_bytes(), raw.len());
        for step in 1..raw.len() {
            assert_eq!(read(raw.as_bytes(), step), at_once, "{raw:?} by {step}");
        }
    }
}

#[test]
fn every_cut_into_two_gives_the_same_and_chunks_of_one_read_are_joined() {
    let raw = b"3\r\nabc\r\n4;x\r\ndefg\r\n1\r\nh\r\n0\r\nX: y\r\n\r\n";
    for cut in 0..=raw.len() {
        let mut reader = BodyReader::new(BodyLength::Chunked);
        let mut payload = Vec::new();
        for part in [&raw[..cut], &raw[cut..]] {
            let mut buf = part.to_vec();
            let decoded = reader.decode(&mut buf).unwrap();
            payload.extend_from_slice(&buf[decoded.data]);
        }
        assert_eq!(payload, b"abcdefgh", "cut at {cut}");
        assert!(reader.is_done());
        assert_eq!(reader.trailers(), b"X: y\r\n");
    }
    let mut reader = BodyReader::new(BodyLength::Chunked);
    let mut buf = raw.to_vec();
    let decoded = reader.decode(&mut buf).unwrap();
    assert_eq!(decoded, Decoded { consumed: raw.len(), data: 3..11, done: true });
    assert_eq!(&buf[3..11], b"abcdefgh");
}

#[test]
fn f8_trailers_that_could_act_like_head_fields_are_dropped() {
    for name in [
        "Content-Length",
        "Transfer-Encoding",
        "TE",
        "Trailer",
        "Host",
        "Connection",
        "Keep-Alive",
        "Upgrade",
        "HTTP2-Settings",
        "Authorization",
        "Cookie",
        "Set-Cookie",
        "WWW-Authenticate",
        "Proxy-Authorization",
        "Proxy-Connection",
        "Proxy",
        "Forwarded",
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "X-Forwarded-Host",
        "X-Forwarded-Port",
        "X-Real-IP",
        "Via",
        "X-Request-Id",
        "Expect",
        "Max-Forwards",
        "Content-Type",
        "Content-Encoding",
        "Content-Range",
        "Cache-Control",
        "If-Match",
        "If-None-Match",
        "Range",
        "Location",
        "Vary",
        "X_Forwarded_For",
        "content_length",
    ] {
        for name in [name.to_owned(), name.to_lowercase(), name.to_uppercase()] {
            let raw = format!("0\r\nX-Before: 1\r\n{name}: 5\r\nX-After: 2\r\n\r\n");
            let (.., trailers) = read(raw.as_bytes(), 7).unwrap();
            assert_eq!(trailers, b"X-Before: 1\r\nX-After: 2\r\n", "{name:?}");
        }
    }
}

#[test]
fn f8_other_trailers_pass_in_canonical_form() {
    let raw = b"0\r\nGrpc-Status:0\r\nX:\t a b \t\r\nY: \xe9\xff\r\nDigest:\r\n\r\n";
    let (.., trailers) = read(raw, 1).unwrap();
    assert_eq!(trailers, b"Grpc-Status: 0\r\nX: a b\r\nY: \xe9\xff\r\nDigest: \r\n");
}

#[test]
fn f8_trailers_are_there_only_once_the_body_is_complete() {
    let mut reader = BodyReader::new(BodyLength::Chunked);
    reader.decode(&mut b"0\r\nX-Sum: 1\r\n".to_vec()).unwrap();
    assert_eq!(reader.trailers(), b"");
    reader.decode(&mut b"\r\n".to_vec()).unwrap();
    assert_eq!(reader.trailers(), b"X-Sum: 1\r\n");
}

#[test]
fn f8_malformed_trailers_are_refused() {
    for line in [
        "no colon",
        ": empty",
        "X : y",
        " X: y",
        "X: y\r\n folded",
        ":path: /",
        "X: a\0b",
        "X: a\rb",
        "X\u{e9}: y",
        "X: a\x7f",
    ] {
        assert!(payload(&format!("0\r\n{line}\r\n\r\n")).is_err(), "{line:?}");
    }
    for raw in ["0\r\nX: y\n\r\n", "0\r\nX: y\r\n\n", "0\r\n\n"] {
        assert!(payload(raw).is_err(), "{raw:?}");
    }
}

#[test]
fn f8_trailers_are_bounded_in_number_and_size_dropped_ones_too() {
    let many = |count: usize| format!("0\r\n{}\r\n", "Host: x\r\n".repeat(count));
    assert!(payload(&many(100)).is_ok());
    assert!(payload(&many(101)).is_err());
    let long = |bytes: usize| format!("0\r\nX: {}\r\n\r\n", "y".repeat(bytes - 7));
    assert!(payload(&long(32 * 1024)).is_ok());
    assert!(payload(&long(32 * 1024 + 1)).is_err());
    let endless = format!("0\r\n{}", "y".repeat(33 * 1024));
    for step in [1, 100, 10_000] {
        let error = read(endless.as_bytes(), step).unwrap_err();
        assert!(error.reason.contains("longer than a head"), "{error}");
    }
}

#[test]
fn r18_trailers_are_bounded_as_the_head_was() {
    let limits = Limits { head_bytes: 100, fields: 2, ..Limits::default() };
    let take = |lines: &str| {
        let mut reader = BodyReader::new(BodyLength::Chunked);
        reader.limit_trailers(limits);
        reader.decode(&mut format!("0\r\n{lines}\r\n").into_bytes())
    };
    assert!(take("a: 1\r\nb: 2\r\n").is_ok());
    assert!(take("a: 1\r\nb: 2\r\nc: 3\r\n").is_err());
    assert!(take(&format!("a: {}\r\n", "x".repeat(93))).is_ok());
    assert!(take(&format!("a: {}\r\n", "x".repeat(94))).is_err());
}

#[test]
fn a_body_that_has_failed_stays_failed() {
    let mut reader = BodyReader::new(BodyLength::Chunked);
    let error = reader.decode(&mut b"x".to_vec()).unwrap_err();
    assert_eq!(reader.decode(&mut b"0\r\n\r\n".to_vec()), Err(error));
    assert_eq!(reader.decode(&mut []), Err(error));
    assert!(!reader.is_done());
    assert!(reader.eof().is_err());
}

#[test]
fn each_framing_knows_its_end() {
    let mut none = BodyReader::new(BodyLength::None);
    assert!(none.is_done() && none.eof().is_ok());
    assert_eq!(none.remaining(), Some(0));
    assert_eq!(none.decode(&mut [1, 2]), Ok(Decoded { consumed: 0, data: 0..0, done: true }));

    let mut length = BodyReader::new(BodyLength::Length(5));
    assert_eq!(length.remaining(), Some(5));
    assert_eq!(length.decode(&mut [1, 2]), Ok(Decoded { consumed: 2, data: 0..2, done: false }));
    assert_eq!(length.remaining(), Some(3));
    assert_eq!(length.trailers(), b"");

    let mut until_close = BodyReader::new(BodyLength::UntilClose);
    assert_eq!(until_close.remaining(), None);
    let decoded = until_close.decode(&mut [1, 2]);
    assert_eq!(decoded, Ok(Decoded { consumed: 2, data: 0..2, done: false }));
    assert!(!until_close.is_done());
    assert!(until_close.eof().is_ok() && until_close.is_done());
    assert_eq!(until_close.decode(&mut [1]), Ok(Decoded { consumed: 0, data: 0..0, done: true }));

    assert!(BodyReader::new(BodyLength::Length(0)).is_done());
    assert_eq!(BodyReader::new(BodyLength::Chunked).remaining(), None);
}

#[test]
fn our_own_chunks_can_be_read_back() {
    let mut room = [0; 18];
    assert_eq!(chunk_head(0x1f4, &mut room), b"1f4\r\n");
    assert_eq!(chunk_head(1, &mut room), b"1\r\n");
    assert_eq!(chunk_head(usize::MAX, &mut room), b"ffffffffffffffff\r\n");
    let mut out = Vec::new();
    for piece in [&b"a"[..], &[b'x'; 1000], b"end"] {
        out.extend_from_slice(chunk_head(piece.len(), &mut room));
        out.extend_from_slice(piece);
        out.extend_from_slice(CHUNK_END);
    }
    write_last_chunk(&mut out, b"X: y\r\n");
    let (payload, rest, trailers) = read(&out, 33).unwrap();
    assert_eq!(payload, [&b"a"[..], &[b'x'; 1000], b"end"].concat());
    assert_eq!((&rest[..], &trailers[..]), (&b""[..], &b"X: y\r\n"[..]));
}

#[test]
fn bytes_of_a_length_that_go_by_unseen_are_counted_and_those_of_another_framing_can_not() {
    let mut reader = BodyReader::new(BodyLength::Length(10));
    reader.pass(4);
    assert_eq!((reader.remaining(), reader.is_done()), (Some(6), false));
    assert!(reader.eof().is_err(), "4 are not 10");
    let decoded = reader.decode(&mut [b'x'; 4]).expect("plain bytes");
    assert_eq!((decoded.consumed, decoded.done), (4, false));
    reader.pass(2);
    assert!(reader.is_done() && reader.eof().is_ok());
    for framing in [BodyLength::Chunked, BodyLength::UntilClose] {
        let mut reader = BodyReader::new(framing);
        reader.pass(10);
        assert_eq!((reader.remaining(), reader.is_done()), (None, false), "{framing:?}");
    }
}
