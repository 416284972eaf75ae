//! A raw HTTP/2 client or server that sends the given frames, right or wrong. It has its own framing and its
//! own field encoding, without compression.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// The first bytes of a client (RFC 9113 section 3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const PATIENCE: Duration = Duration::from_secs(10);
const HEADER: usize = 9;

/// The initial window, and the largest frame (RFC 9113 sections 6.9.2 and 4.2).
const WINDOW: usize = 65_535;
const FRAME: usize = 16_384;

/// Kinds of frames (RFC 9113 section 6).
pub mod kind {
    #![allow(missing_docs, reason = "the names of the standard")]
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const PRIORITY: u8 = 2;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

/// DATA and HEADERS: end of the stream. SETTINGS and PING: an acknowledgement.
pub const END_STREAM: u8 = 1;
/// HEADERS and CONTINUATION: end of the fields.
pub const END_HEADERS: u8 = 4;

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its kind.
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// Its stream.
    pub stream: u32,
    /// Its payload.
    pub payload: Vec<u8>,
}

/// The outcome of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The final status; 0 if there was none.
    pub status: u16,
    /// The interim statuses before it.
    pub interim: Vec<u16>,
    /// The body as far as it was received.
    pub body: Vec<u8>,
    /// True if there were trailers.
    pub trailers: bool,
    /// True if it ended properly.
    pub ended: bool,
    /// The error code by which it was reset.
    pub reset: Option<u32>,
    /// The error code of a GOAWAY, or the end of the connection.
    pub goaway: Option<u32>,
}

/// One connection.
#[derive(Debug)]
pub struct Http2 {
    socket: TcpStream,
    read: Vec<u8>,
    next: u32,
}

impl Answer {
    /// Records what a frame says about this stream.
    #[track_caller]
    fn see(&mut self, stream: u32, frame: &Frame) {
        if frame.kind == kind::GOAWAY {
            self.goaway = Some(frame.number(4));
        }
        if frame.stream != stream {
            return;
        }
        match frame.kind {
            kind::RST_STREAM => self.reset = Some(frame.number(0)),
            kind::HEADERS => {
                assert!(frame.has(END_HEADERS), "answers here are short");
                if self.status != 0 {
                    self.trailers = true;
                } else {
                    match status(&frame.payload) {
                        interim @ 100..=199 => self.interim.push(interim),
                        last => self.status = last,
                    }
                }
            }
            kind::DATA => self.body.extend(&frame.payload),
            _ => return,
        }
        self.ended |= frame.kind != kind::RST_STREAM && frame.has(END_STREAM);
    }
}

impl Frame {
    /// Creates a frame.
    pub fn new(kind: u8, flags: u8, stream: u32, payload: impl Into<Vec<u8>>) -> Self {
        Frame { kind, flags, stream, payload: payload.into() }
    }

    /// Its bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.payload.len()).expect("no frame is so long").to_be_bytes();
        let head = [&length[1..], &[self.kind, self.flags], &self.stream.to_be_bytes()].concat();
        [head, self.payload.clone()].concat()
    }

    /// Returns true if this flag is set.
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Returns true if it is the head of a probe.
    pub fn is_probe(&self) -> bool {
        // `teal-probe` in the code of RFC 7541 appendix B.
        const PROBE: [u8; 7] = [0x49, 0x47, 0x42, 0xd5, 0xd8, 0x78, 0xcb];
        self.payload.windows(PROBE.len()).any(|bytes| bytes == PROBE)
    }

    /// Returns true if it is the head of a GET, as written with the static table.
    pub fn is_get(&self) -> bool {
        self.kind == kind::HEADERS && behind_size(&self.payload).first() == Some(&0x82)
    }

    /// The four bytes at this offset as a number: error codes, increments, identifiers.
    pub fn number(&self, at: usize) -> u32 {
        let bytes = self.payload.get(at..at + 4).expect("a number is there");
        u32::from_be_bytes(bytes.try_into().expect("four bytes"))
    }
}

/// Fields as literals without indexing (RFC 7541 section 6.2.2) and without Huffman coding.
pub fn fields(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            length(&mut block, text.len());
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

/// A length with a prefix of 7 bits (RFC 7541 section 5.1).
fn length(block: &mut Vec<u8>, length: usize) {
    if length < 127 {
        return block.push(length as u8);
    }
    block.push(127);
    let mut left = length - 127;
    while left >= 128 {
        block.push((left % 128) as u8 | 128);
        left /= 128;
    }
    block.push(left as u8);
}

/// The fields of a GET of this path.
pub fn get(path: &str) -> Vec<u8> {
    request("GET", path, &[])
}

/// The fields of a request.
pub fn request(method: &str, path: &str, further: &[(&str, &str)]) -> Vec<u8> {
    let own = [(":method", method), (":scheme", "http"), (":authority", "test"), (":path", path)];
    fields(&[&own, further].concat())
}

/// The block without a leading table size update (RFC 7541 section 6.3), if there is one.
fn behind_size(block: &[u8]) -> &[u8] {
    match block {
        [0x3f, rest @ ..] => {
            let last = rest.iter().position(|byte| byte & 0x80 == 0).expect("a number");
            &rest[last + 1..]
        }
        [0x20..0x3f, rest @ ..] => rest,
        _ => block,
    }
}

/// The status at the start of a block: indexed, or three digits.
fn status(block: &[u8]) -> u16 {
    const TABLE: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
    let block = behind_size(block);
    if let Some(status) = block[0].checked_sub(0x88).and_then(|at| TABLE.get(usize::from(at))) {
        return *status;
    }
    assert!(matches!(block[0], 0x08 | 0x48 | 0x18), "a block that begins otherwise: {block:02x?}");
    let (text, long) = (&block[2..], usize::from(block[1] & 0x7f));
    if block[1] & 0x80 == 0 {
        return std::str::from_utf8(&text[..long]).expect("digits").parse().expect("digits");
    }
    let bits = text[..long].iter().fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
    digits(bits, long * 8)
}

/// Three digits in the Huffman code of RFC 7541 appendix B: 0 to 2 have five bits, the others six.
fn digits(bits: u64, count: usize) -> u16 {
    let (mut left, mut number) = (count, 0);
    for _ in 0..3 {
        let five = (bits >> (left - 5)) & 0x1f;
        let digit = if five <= 2 {
            left -= 5;
            five
        } else {
            left -= 6;
            ((bits >> left) & 0x3f) - 0x19 + 3
        };
        number = number * 10 + digit as u16;
    }
    number
}

/// Settings as encoded in a frame.
fn pairs(settings: &[(u16, u32)]) -> Vec<u8> {
    let pair = |(id, value): &(u16, u32)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat();
    settings.iter().map(pair).collect::<Vec<_>>().concat()
}

impl Http2 {
    /// Connects, sends the preface with these settings, and receives the peer's.
    #[track_caller]
    pub fn connect_with(address: SocketAddr, settings: &[(u16, u32)]) -> Self {
        let socket = TcpStream::connect_timeout(&address, PATIENCE).expect("it accepts");
        socket.set_nodelay(true).expect("a socket");
        socket.set_write_timeout(Some(PATIENCE)).expect("a socket");
        let mut client = Http2 { socket, read: Vec::new(), next: 1 };
        client.raw(PREFACE);
        client.send(&Frame::new(kind::SETTINGS, 0, 0, pairs(settings)));
        let first = client.frame().expect("settings come first");
        assert_eq!((first.kind, first.flags), (kind::SETTINGS, 0), "{first:?}");
        client.send(&Frame::new(kind::SETTINGS, 1, 0, []));
        client
    }

    /// Connects, and sends the preface.
    #[track_caller]
    pub fn connect(address: SocketAddr) -> Self {
        Http2::connect_with(address, &[])
    }

    /// The server side: receives a client's preface and settings, and sends its own.
    #[track_caller]
    pub fn accept(socket: TcpStream) -> Self {
        Http2::accept_with(socket, &[])
    }

    /// The same, with these settings.
    #[track_caller]
    pub fn accept_with(socket: TcpStream, settings: &[(u16, u32)]) -> Self {
        socket.set_nodelay(true).expect("a socket");
        socket.set_write_timeout(Some(PATIENCE)).expect("a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
        let mut server = Http2 { socket, read: Vec::new(), next: 2 };
        let mut preface = [0; PREFACE.len()];
        server.socket.read_exact(&mut preface).expect("a preface");
        assert_eq!(preface, PREFACE);
        server.send(&Frame::new(kind::SETTINGS, 0, 0, pairs(settings)));
        let first = server.frame().expect("settings come first");
        assert_eq!((first.kind, first.flags), (kind::SETTINGS, 0), "{first:?}");
        server.send(&Frame::new(kind::SETTINGS, 1, 0, []));
        server
    }

    /// The stream of the next request, and true if it is a probe; none at the end. Waits without a
    /// limit.
    pub fn asked(&mut self) -> Option<(u32, bool)> {
        loop {
            let Some(frame) = self.frame_within(PATIENCE) else { continue };
            let frame = frame?;
            self.acknowledge(&frame);
            if frame.kind == kind::HEADERS && frame.has(END_HEADERS) {
                return Some((frame.stream, frame.is_probe()));
            }
        }
    }

    /// Sends raw bytes, or panics.
    #[track_caller]
    pub fn raw(&mut self, bytes: &[u8]) {
        self.try_raw(bytes).expect("the peer accepts the bytes");
    }

    /// Sets the time limit for writes that the peer does not accept; 10 s by default.
    pub fn give_up_after(&mut self, patience: Duration) {
        self.socket.set_write_timeout(Some(patience)).expect("a socket");
    }

    /// Sends raw bytes.
    pub fn try_raw(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.socket.write_all(bytes)
    }

    /// Sends a frame, or panics.
    #[track_caller]
    pub fn send(&mut self, frame: &Frame) {
        self.raw(&frame.bytes());
    }

    /// Opens a stream with these fields.
    #[track_caller]
    pub fn open(&mut self, block: Vec<u8>, flags: u8) -> u32 {
        let stream = self.next;
        self.next += 2;
        self.send(&Frame::new(kind::HEADERS, flags | END_HEADERS, stream, block));
        stream
    }

    /// Sends a request, and waits for the answer.
    #[track_caller]
    pub fn ask(&mut self, block: Vec<u8>) -> Answer {
        let stream = self.open(block, END_STREAM);
        self.answer(stream)
    }

    /// The next frame; none at the end of the connection. Panics after 10 s without one.
    #[track_caller]
    pub fn frame(&mut self) -> Option<Frame> {
        self.frame_within(PATIENCE).expect("a frame or an end in time")
    }

    /// The next frame, or `Some(None)` at the end of the connection, if it comes within this time.
    pub fn frame_within(&mut self, patience: Duration) -> Option<Option<Frame>> {
        let until = Instant::now() + patience;
        loop {
            if let Some(frame) = self.take() {
                return Some(Some(frame));
            }
            let left = until.checked_duration_since(Instant::now())?.max(Duration::from_millis(1));
            self.socket.set_read_timeout(Some(left)).expect("a socket");
            let mut piece = [0; 16 * 1024];
            match self.socket.read(&mut piece) {
                Ok(0) => return Some(None),
                Ok(count) => self.read.extend_from_slice(&piece[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    return None;
                }
                Err(_) => return Some(None),
            }
        }
    }

    fn take(&mut self) -> Option<Frame> {
        let head = self.read.get(..HEADER)?;
        let number = |bytes: &[u8]| bytes.iter().fold(0, |all, byte| all << 8 | u32::from(*byte));
        let (length, kind, flags) = (number(&head[..3]) as usize, head[3], head[4]);
        let stream = number(&head[5..]) & 0x7fff_ffff;
        let payload = self.read.get(HEADER..HEADER + length)?.to_vec();
        self.read.drain(..HEADER + length);
        Some(Frame { kind, flags, stream, payload })
    }

    /// The outcome of a stream. Flow-control credit is returned at once; PING and SETTINGS are
    /// acknowledged.
    #[track_caller]
    pub fn answer(&mut self, stream: u32) -> Answer {
        self.answer_from(stream, Answer::default())
    }

    /// Sends a request with a body of this many bytes, as fast as the windows allow, and reads no answer before
    /// it has sent all; it stops only if the stream is reset.
    #[track_caller]
    pub fn upload(&mut self, block: Vec<u8>, bytes: usize) -> Answer {
        let stream = self.open(block, 0);
        let mut answer = Answer::default();
        // The windows of the connection and of the stream.
        let (mut left, mut room) = (bytes, [WINDOW; 2]);
        while left > 0 && answer.reset.is_none() {
            let piece = left.min(FRAME).min(room[0]).min(room[1]);
            if piece > 0 {
                let flags = if piece == left { END_STREAM } else { 0 };
                self.send(&Frame::new(kind::DATA, flags, stream, vec![b'b'; piece]));
                room = room.map(|room| room - piece);
                left -= piece;
                continue;
            }
            let Some(frame) = self.frame() else { break };
            self.acknowledge(&frame);
            if frame.kind == kind::WINDOW_UPDATE && (frame.stream == 0 || frame.stream == stream) {
                room[usize::from(frame.stream != 0)] += frame.number(0) as usize;
            }
            answer.see(stream, &frame);
        }
        self.answer_from(stream, answer)
    }

    #[track_caller]
    fn answer_from(&mut self, stream: u32, mut answer: Answer) -> Answer {
        while !answer.ended && answer.reset.is_none() {
            let Some(frame) = self.frame() else {
                answer.goaway.get_or_insert(u32::MAX);
                break;
            };
            self.acknowledge(&frame);
            answer.see(stream, &frame);
        }
        answer
    }

    /// Responds to PING, SETTINGS and DATA as required.
    pub fn acknowledge(&mut self, frame: &Frame) {
        let more = u32::try_from(frame.payload.len()).unwrap_or(0).to_be_bytes();
        match frame.kind {
            kind::PING if !frame.has(1) => {
                let _gone = self.try_raw(&Frame::new(kind::PING, 1, 0, &*frame.payload).bytes());
            }
            kind::SETTINGS if !frame.has(1) => {
                let _gone = self.try_raw(&Frame::new(kind::SETTINGS, 1, 0, []).bytes());
            }
            kind::DATA if more != [0; 4] => {
                for stream in [0, frame.stream] {
                    let update = Frame::new(kind::WINDOW_UPDATE, 0, stream, more);
                    let _gone = self.try_raw(&update.bytes());
                }
            }
            _ => {}
        }
    }

    /// Every frame until the connection ends, PING acknowledged, or panics.
    #[track_caller]
    pub fn rest(&mut self) -> Vec<Frame> {
        let mut all = Vec::new();
        while let Some(frame) = self.frame() {
            self.acknowledge(&frame);
            all.push(frame);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_however_it_is_written() {
        assert_eq!(status(&[0x88]), 200);
        assert_eq!(status(&[0x3f, 0x01, 0x8d]), 404);
        assert_eq!(status(&[0x48, 3, b'5', b'0', b'2']), 502);
        // 011011 00000 00010, padded with ones.
        assert_eq!(status(&[0x48, 0x82, 0b0110_1100, 0b0000_0010]), 502);
    }
}
