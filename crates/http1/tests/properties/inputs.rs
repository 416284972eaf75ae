//! Inputs near the border between valid and hostile: assembled from valid and odd pieces, most of the time
//! valid ones, and then sometimes damaged by a byte.

use proptest::{prelude::*, sample::select};

/// Mostly the first `sound` of the pieces, sometimes any.
fn mostly(sound: usize, pieces: &'static [&'static str]) -> BoxedStrategy<String> {
    prop_oneof![
        6 => select(&pieces[..sound]),
        1 => select(pieces),
    ]
    .prop_map(str::to_owned)
    .boxed()
}

/// Nothing, or one byte replaced, inserted or removed somewhere.
fn damaged(strategy: impl Strategy<Value = Vec<u8>> + 'static) -> BoxedStrategy<Vec<u8>> {
    let byte = prop_oneof![select(b"\r\n\t :;,/#%_\0\x0b\x7f\xff0aZ".as_slice()), any::<u8>(),];
    (strategy, 0..8u8, any::<prop::sample::Index>(), byte)
        .prop_map(|(mut raw, damage, place, byte)| {
            let at = place.index(raw.len().max(1));
            match damage {
                0 if at < raw.len() => raw[at] = byte,
                1 => raw.insert(at, byte),
                2 if at < raw.len() => drop(raw.remove(at)),
                _ => {}
            }
            raw
        })
        .boxed()
}

const METHODS: &[&str] =
    &["GET", "POST", "PUT", "OPTIONS", "HEAD", "PURGE", "CONNECT", "TRACE", "get", "G T", ""];

const TARGETS: &[&str] = &[
    "/",
    "/a/b?c=d",
    "/%2e%2e//x;y",
    "*",
    "http://a.test/x",
    "http://a.test",
    "http://b.test/",
    "a.test:80",
    "/a#b",
    "/a b",
    "",
    "http://a.test?x",
    "/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
];

const VERSIONS: &[&str] = &[" HTTP/1.1", " HTTP/1.0", " HTTP/2.0", " HTTP/1.2", "  HTTP/1.1", ""];

const LINE_ENDS: &[&str] = &["\r\n", "\n", "\r", "\r\n ", "\r\n\t", " \r\n"];

const HOSTS: &[&str] = &[
    "Host: a.test\r\n",
    "host:a.test\r\n",
    "HOST: A.TEST \r\n",
    "",
    "Host: a.test:80\r\n",
    "Host: a.test\r\nHost: a.test\r\n",
    "Host: a,b\r\n",
    "Host:\r\n",
    "Host : a.test\r\n",
];

const REQUEST_FIELDS: &[&str] = &[
    "Accept: */*",
    "X-A: 1",
    "Content-Length: 5",
    "Content-Length: 005",
    "Transfer-Encoding: chunked",
    "Connection: close",
    "Connection: keep-alive, X-A",
    "Connection: upgrade",
    "Upgrade: websocket",
    "TE: trailers",
    "Trailer: X-Sum, Host",
    "Via: 1.1 other",
    "X-Forwarded-For: 1.1.1.1",
    "X-Real-IP: 1.1.1.1",
    "X_Real_IP: 1",
    "X-Request-Id: abc",
    "Expect: 100-continue",
    "Max-Forwards: 3",
    "Keep-Alive: 5",
    "Proxy-Authorization: x",
    "Cookie: a=b",
    "Forwarded: for=x",
    "X-Bytes: \u{e9}",
    "X-Forwarded-Host: evil",
    "Upgrade: h2c",
    "HTTP2-Settings: x",
    "Empty:",
    "Tab:\ta\tb\t",
    // Odd ones.
    "Content-Length: 5, 6",
    "Content-Length: +5",
    "Content-Length: 5, 5",
    "Content-Length:",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: chunked, chunked",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding:\u{b}chunked",
    "Connection: Host",
    "Connection: content-length",
    "Connection: a b",
    "Expect: x",
    "Max-Forwards: x",
    "no colon",
    ": no name",
    "X : y",
    " folded: x",
    "X: a\rb",
    "X: a\nb",
    "X: a\0b",
    "Host: b.test",
    "Upgrade: a b",
    "X-Request-Id: a b",
    "Via: 1.1 teal-test",
    "X-Forwarded-For",
];

const RESPONSE_FIELDS: &[&str] = &[
    "Server: x",
    "Content-Length: 5",
    "Transfer-Encoding: chunked",
    "Connection: close",
    "Connection: upgrade, X-A",
    "Upgrade: websocket",
    "X-A: 1",
    "Keep-Alive: timeout=5",
    "Set-Cookie: a=b",
    "Trailer: X-Sum",
    "Content-Type: text/event-stream",
    "Via: 1.1 x",
    "X-Request-Id: theirs",
    "Proxy-Status: x",
    "X-Bytes: \u{e9}",
    "Empty:",
    "Content-Length: 0",
    // Odd ones.
    "Content-Length: 5, 5",
    "Content-Length: x",
    "Transfer-Encoding: gzip",
    "Transfer-Encoding: chunked, chunked",
    "Upgrade: h2c",
    "Connection: a b",
    "no colon",
    ": x",
    "X : y",
    " folded",
    "X: a\rb",
    "X: a\nb",
    "X: a\0b",
    "Proxy-Authenticate: x",
];

const STATUS_LINES: &[&str] = &[
    "HTTP/1.1 200 OK",
    "HTTP/1.1 204 No Content",
    "HTTP/1.1 304 Not Modified",
    "HTTP/1.1 404",
    "HTTP/1.0 200 OK",
    "HTTP/1.1 500 ",
    "HTTP/1.1 101 Switching Protocols",
    "HTTP/1.1 103 Hints",
    "HTTP/1.1 426 Upgrade Required",
    "HTTP/1.1 600 X",
    "HTTP/1.1 20 X",
    "HTTP/2.0 200 OK",
    "HTTP/1.1  200 OK",
    "ICY 200 OK",
    "",
    "HTTP/1.1 200 O\u{1}K",
];

fn fields(sound: usize, pieces: &'static [&'static str]) -> BoxedStrategy<String> {
    let line = (mostly(sound, pieces), prop_oneof![40 => Just("\r\n"), 1 => select(LINE_ENDS)])
        .prop_map(|(field, end)| field + end);
    prop_oneof![20 => proptest::collection::vec(line.clone(), 0..5),
                1 => proptest::collection::vec(line, 10..14)]
    .prop_map(|lines| lines.concat())
    .boxed()
}

/// Requests, often with something after them.
pub(crate) fn request() -> BoxedStrategy<Vec<u8>> {
    let lead = prop_oneof![10 => Just(""), 1 => select(&["\r\n", "\n", "\r\n\r\n", " "][..])];
    let tail = select(&["", "hello", "GET /next HTTP/1.1\r\nHost: a.test\r\n\r\n"][..]);
    let line = (mostly(5, METHODS), mostly(3, TARGETS), mostly(2, VERSIONS), mostly(1, LINE_ENDS))
        .prop_map(|(method, target, version, end)| format!("{method} {target}{version}{end}"));
    damaged((lead, line, mostly(3, HOSTS), fields(28, REQUEST_FIELDS), tail).prop_map(
        |(lead, line, host, fields, tail)| latin1(&format!("{lead}{line}{host}{fields}\r\n{tail}")),
    ))
}

/// Responses, often with something after them.
pub(crate) fn response() -> BoxedStrategy<Vec<u8>> {
    let tail = select(&["", "hello", "HTTP/1.1 200 OK\r\n\r\n"][..]);
    damaged(
        (mostly(9, STATUS_LINES), mostly(1, LINE_ENDS), fields(17, RESPONSE_FIELDS), tail)
            .prop_map(|(line, end, fields, tail)| {
                latin1(&format!("{line}{end}{fields}\r\n{tail}"))
            }),
    )
}

const SIZE_TAILS: &[&str] = &[
    "",
    "",
    "",
    "",
    ";a=b",
    " ;x",
    ";a=\"b;\\\"\"",
    " ; a\t= b ;c",
    "\t;",
    " ",
    "\0",
    ";\n",
    ";\r",
    "x",
    ";a=",
    ";a=\"",
    ";a\"b\"",
    ";a ",
    ";;",
];

const TRAILERS: &[&str] = &[
    "",
    "",
    "X-Sum: 1\r\n",
    "Host: x\r\nY:z\r\n",
    "bad\r\n",
    "X : y\r\n",
    "X: y\n",
    " X: y\r\n",
    "X: \u{e9}\r\n",
    ": y\r\n",
];

/// Chunked bodies, often with something after them.
pub(crate) fn chunked() -> BoxedStrategy<Vec<u8>> {
    let chunk = (
        proptest::collection::vec(any::<u8>(), 1..40),
        0..60u8,
        mostly(4, SIZE_TAILS),
        mostly(1, LINE_ENDS),
    )
        .prop_map(|(data, lie, tail, end)| {
            let size = if lie == 0 { data.len() + 1 } else { data.len() };
            let zeros = if lie == 1 { "00000000000000" } else { "" };
            let mut raw = latin1(&format!("{zeros}{size:x}{tail}\r\n"));
            raw.extend_from_slice(&data);
            raw.extend_from_slice(end.as_bytes());
            raw
        });
    let tail = select(&["", "next", "\r\n"][..]);
    damaged(
        (proptest::collection::vec(chunk, 0..4), mostly(4, TRAILERS), mostly(1, LINE_ENDS), tail)
            .prop_map(|(chunks, trailers, end, tail)| {
                let mut raw = chunks.concat();
                raw.extend_from_slice(&latin1(&format!("0\r\n{trailers}{end}{tail}")));
                raw
            }),
    )
}

fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect()
}
