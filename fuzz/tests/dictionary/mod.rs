//! The pieces from which recipes make messages.

/// The parts of one kind of message.
pub struct Dictionary {
    /// The possible beginnings.
    pub starts: &'static [&'static [u8]],
    /// The parts that may follow in any order, valid and odd.
    pub pieces: &'static [&'static [u8]],
    /// The possible ends.
    pub end: &'static [u8],
}

impl Dictionary {
    /// The message of a recipe: the start, how many pieces, and which.
    pub fn cook(&self, recipe: &[u8]) -> Vec<u8> {
        let [start, count, rest @ ..] = recipe else { return Vec::new() };
        let mut message = self.starts[usize::from(*start) % self.starts.len()].to_vec();
        for piece in rest.iter().take(usize::from(count % 16)) {
            message.extend_from_slice(self.pieces[usize::from(*piece) % self.pieces.len()]);
        }
        message.extend_from_slice(self.end);
        message
    }
}

pub const REQUEST: Dictionary = Dictionary {
    starts: &[
        b"GET / HTTP/1.1\r\nHost: a.test\r\n",
        b"POST /a?b HTTP/1.1\r\nHost: a.test:80\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: a.test\r\n",
        b"GET http://a.test/x HTTP/1.1\r\nHost: A.test\r\n",
        b"GET / HTTP/1.0\r\n",
    ],
    pieces: &[
        b"\r\n",
        b"Content-Length: 5\r\n",
        b"Content-Length: 5, 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Transfer-Encoding:",
        b" chunked\r\n",
        b"Connection: close, X-A\r\n",
        b"Connection: upgrade, keep-alive\r\n",
        b"Connection: Content-Length\r\n",
        b"Upgrade: websocket\r\n",
        b"Upgrade: h2c\r\n",
        b"TE: trailers\r\n",
        b"Trailer: X-Sum, Host\r\n",
        b"Expect: 100-continue\r\n",
        b"Max-Forwards: 7\r\n",
        b"Via: 1.1 other\r\n",
        b"X-Forwarded-For: 10.0.0.1\r\n",
        b"X_Forwarded_For: 10.0.0.1\r\n",
        b"X-Forwarded-Prefix: /a\r\n",
        b"Forwarded: for=10.0.0.1\r\n",
        b"X-Real-IP: 10.0.0.1\r\n",
        b"X-Request-Id: abc\r\n",
        b"Proxy-Authorization: x\r\n",
        b"Keep-Alive: 5\r\n",
        b"HTTP2-Settings: x\r\n",
        b"X-A: 1\r\n",
        b"Cookie: a=b; c=\xe9\r\n",
        b"Host: b.test\r\n",
        b"X:\r\n",
        b"X: \t y \r\n",
        b" folded\r\n",
        b"GET ",
        b"/%2e%2e//",
        b" HTTP/1.1\r\n",
        b": ",
        b":",
        b",",
        b" ",
        b"\t",
        b"\r",
        b"\n",
        b"\0",
        b"\x7f",
        b"#",
    ],
    end: b"\r\n",
};

pub const RESPONSE: Dictionary = Dictionary {
    starts: &[
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 204 No Content\r\n",
        b"HTTP/1.1 304 Not Modified\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n",
        b"HTTP/1.1 103 Early Hints\r\n",
        b"HTTP/1.1 426\r\n",
        b"HTTP/1.0 200 OK\r\n",
    ],
    pieces: &[
        b"\r\n",
        b"Content-Length: 5\r\n",
        b"Content-Length: 0\r\n",
        b"Content-Length: x\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: gzip\r\n",
        b"Connection: close\r\n",
        b"Connection: keep-alive, X-A\r\n",
        b"Upgrade: websocket\r\n",
        b"Keep-Alive: timeout=5, max=7\r\n",
        b"Content-Type: text/event-stream\r\n",
        b"Trailer: X-Sum, Host\r\n",
        b"Set-Cookie: a=b\r\n",
        b"Proxy-Status: x\r\n",
        b"Proxy-Authenticate: x\r\n",
        b"X-Request-Id: theirs\r\n",
        b"Via: 1.1 other\r\n",
        b"X-A: \xe9\xff\r\n",
        b"X_A:\r\n",
        b" folded\r\n",
        b"HTTP/1.1 ",
        b"999 ",
        b"X: ",
        b":",
        b" ",
        b"\r",
        b"\n",
        b"\0",
    ],
    end: b"\r\n",
};

pub const CHUNKED: Dictionary = Dictionary {
    starts: &[b"1\r\nx\r\n", b"5\r\nhello\r\n"],
    pieces: &[
        b"a;ext=\"1\"\r\n0123456789\r\n",
        b"00000000000000001\r\nx\r\n",
        b"0000000000000001\r\nx\r\n",
        b"3 ;x\r\n\r\n0\r\n",
        b"0\r\n",
        b"\r\n",
        b"X-Sum: 1\r\n",
        b"Host: a.test\r\n",
        b"X: \xe9\t\r\n",
        b"X : y\r\n",
        b"0;last\r\n",
        b"5",
        b"F",
        b";",
        b" ",
        b"\r",
        b"\n",
        b"\0",
        b"x",
    ],
    end: b"0\r\n\r\nnext",
};
