//! `drain.streams = "close"`: WebSockets and event streams are asked to end when their color is drained,
//! each at a moment of its own, so that their clients come back on the new color; nothing is cut.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use testkit::{Behavior, Client, Gate, Settings, Step, Teal, tungstenite, wait_until, websocket};
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Message, WebSocket};

use crate::TEAL;
use crate::setup::{SOON, Setup};

/// A setup whose streams are asked to end within half of this.
fn setup(drain: &str) -> Setup {
    let close = format!("{{ timeout = \"{drain}\", streams = \"close\" }}");
    let setup = Setup::with(|settings: Settings| settings.service("drain", &close));
    setup.blue.behave_at("/ws", Behavior::WebSocket);
    setup.green.behave_at("/ws", Behavior::WebSocket);
    let every = Duration::from_millis(3);
    setup.blue.behave_at("/events", Behavior::Events { every });
    setup
}

fn echoes(socket: &mut WebSocket<TcpStream>, text: &str) {
    socket.send(Message::text(text)).expect("the tunnel is open");
    assert_eq!(socket.read().expect("an echo").to_text().ok(), Some(text));
}

/// The code of the Close frame that a client reads at the end of its WebSocket.
fn close_code(socket: &mut WebSocket<TcpStream>) -> Option<CloseCode> {
    loop {
        match socket.read() {
            Ok(Message::Close(frame)) => return frame.map(|frame| frame.code),
            Ok(_) => {}
            Err(_) => return None,
        }
    }
}

/// The handshake of RFC 6455 section 1.3, by hand.
const HANDSHAKE: &str = "GET /ws HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A target that sends this, waits for the gate, sends the rest, and listens.
fn in_two_parts(begun: Vec<u8>, rest: Vec<u8>) -> (Behavior, Gate) {
    let gate = Gate::new();
    let wait = Step::WaitFor(gate.clone());
    (Behavior::Script(vec![Step::Send(begun), wait, Step::Send(rest), Step::Hang]), gate)
}

/// Switches, and waits until a stream is asked to end.
fn asked_to_end(setup: &Setup) {
    assert_eq!(setup.teal.switch("green", "&wait=published").status, 200);
    wait_until(SOON, "the stream is asked to end", || ended(setup) == 1);
}

fn ended(setup: &Setup) -> u64 {
    setup.teal.metrics().count("teal_streams_ended_total", &[])
}

#[test]
fn a_web_socket_is_closed_with_1001_and_comes_back_on_the_new_color() {
    // L3 L4 L8
    let setup = setup("2s");
    let mut socket = websocket(setup.teal.listener(), "/ws");
    echoes(&mut socket, "before");
    let reading = thread::spawn(move || {
        let code = close_code(&mut socket);
        while socket.read().is_ok() {} // answers the Close frame, until the connection ends
        code
    });
    let switched = Instant::now();
    let answer = setup.teal.switch("green", "");
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(switched.elapsed() < Duration::from_secs(2), "it was not waited for the deadline");
    assert_eq!(reading.join().expect("no panic"), Some(CloseCode::Away));
    assert_eq!(ended(&setup), 1);
    let receipt = setup.teal.receipt(setup.teal.generation()).to_string();
    assert!(receipt.contains("\"drained\""), "nothing was cut: {receipt}");
    echoes(&mut websocket(setup.teal.listener(), "/ws"), "after");
    wait_until(SOON, "blue has no connection left", || setup.blue.seen().open_connections() == 0);
    setup.finish();
}

#[test]
fn an_event_stream_ends_between_two_events_as_a_whole_answer() {
    // L3 L8
    let setup = setup("2s");
    let mut client = setup.client();
    client.send("GET /events HTTP/1.1\r\nHost: test\r\n\r\n");
    let reading = thread::spawn(move || {
        let answer = client.answer();
        (client, answer)
    });
    wait_until(SOON, "it is a stream in the status", || setup.teal.color("blue")["streams"] == 1);
    setup.teal.switch_to("green");
    let (mut client, answer) = reading.join().expect("no panic");
    assert!(answer.text().ends_with("\n\n"), "{:?}", answer.text());
    let events: Vec<_> = answer.text().split_terminator("\n\n").map(str::to_owned).collect();
    for (number, event) in events.iter().enumerate() {
        assert_eq!(*event, format!("data: blue {number}"), "none is missing and none is torn");
    }
    assert_eq!(ended(&setup), 1);
    assert_eq!(client.get("/").fields.get("x-target"), Some("green"), "the connection goes on");
    assert_eq!(setup.teal.metrics().count("teal_requests_aborted_total", &[]), 0);
    setup.finish();
}

#[test]
fn an_event_that_is_under_way_is_finished_first() {
    // L3
    let setup = setup("6s");
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
                Transfer-Encoding: chunked\r\n\r\n";
    let begun = format!("{head}13\r\ndata: one\n\ndata: tw\r\n");
    let (behavior, gate) = in_two_parts(begun.into(), b"10\r\no\n\ndata: three\n\n\r\n".to_vec());
    setup.blue.behave_at("/torn", behavior);
    let mut client = setup.client();
    client.send("GET /torn HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(client.read_head(false).expect("a head").status, 200);
    assert_eq!(client.read_body_until("tw"), "data: one\n\ndata: tw");
    asked_to_end(&setup);
    assert!(client.is_quiet(), "not in the middle of an event");
    gate.open();
    let mut rest = Vec::new();
    while let Some(piece) = client.read_piece().expect("a whole answer") {
        rest.extend(piece);
    }
    assert_eq!(String::from_utf8_lossy(&rest), "o\n\n");
    setup.finish();
}

#[test]
fn a_message_that_is_under_way_is_finished_first_and_the_target_gets_a_close_frame_too() {
    // L3
    let setup = setup("6s");
    let mut begun = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
        Upgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
        .to_vec();
    begun.extend(b"\x81\x05he");
    let (behavior, gate) = in_two_parts(begun, b"llo\x81\x01x".to_vec());
    setup.blue.behave_at("/ws", behavior);
    let mut client = setup.client();
    client.send(HANDSHAKE);
    assert_eq!(client.read_head(false).expect("a head").status, 101);
    assert_eq!(client.read_bytes(4), b"\x81\x05he");
    asked_to_end(&setup);
    assert!(client.is_quiet(), "not in the middle of a message");
    gate.open();
    let rest = b"llo\x81\x01x\x88\x02\x03\xe9";
    assert_eq!(client.read_bytes(10), rest, "what comes before a pause, and a Close frame");
    client.send(b"\x88\x82\x01\x02\x03\x04\x02\xeb"); // 1001, masked
    wait_until(SOON, "the target has a masked Close frame", || {
        setup.blue.seen().bytes().iter().any(|bytes| {
            let [.., 0x88, 0x82, a, b, _, _, high, low] = bytes[..] else { return false };
            [high ^ a, low ^ b] == [0x03, 0xe9]
        })
    });
    assert!(client.ending(SOON).ended());
    setup.finish();
}

#[test]
fn each_has_a_moment_of_its_own_within_the_first_half() {
    let setup = setup("3s");
    let mut sockets: Vec<_> = (0..24).map(|_| websocket(setup.teal.listener(), "/ws")).collect();
    for socket in &mut sockets {
        echoes(socket, "here");
    }
    wait_until(SOON, "all are counted", || setup.teal.color("blue")["streams"] == 24);
    let age = || setup.teal.color("blue")["oldest_stream_age_seconds"].as_f64();
    wait_until(SOON, "and how old they are", || age().is_some_and(|age| age > 0.0));
    let text = setup.teal.cli(&["status"]).stdout;
    assert!(text.contains("(streams: 24, oldest"), "{text}");
    let switched = Instant::now();
    let reading: Vec<_> = sockets
        .into_iter()
        .map(|mut socket| {
            thread::spawn(move || {
                let code = close_code(&mut socket);
                let at = switched.elapsed();
                while socket.read().is_ok() {}
                (code, at)
            })
        })
        .collect();
    setup.teal.switch_to("green");
    let (codes, times): (Vec<_>, Vec<_>) =
        reading.into_iter().map(|reading| reading.join().expect("no panic")).unzip();
    assert!(codes.iter().all(|code| *code == Some(CloseCode::Away)), "{codes:?}");
    let (first, last) = (times.iter().min(), times.iter().max());
    let spread = last.zip(first).map(|(last, first)| last.saturating_sub(*first));
    // Of 24 random moments of 1.5 s, by far most pairs of extremes are further apart.
    assert!(spread > Some(Duration::from_millis(500)), "{times:?}");
    assert_eq!((ended(&setup), setup.teal.color("blue")["streams"].as_u64()), (24, Some(0)));
    setup.finish();
}

/// Eight WebSockets and eight event streams on blue.
fn many(setup: &Setup) -> (Vec<WebSocket<TcpStream>>, Vec<Client>) {
    let mut sockets: Vec<_> = (0..8).map(|_| websocket(setup.teal.listener(), "/ws")).collect();
    for socket in &mut sockets {
        echoes(socket, "before");
    }
    let mut readers: Vec<_> = (0..8).map(|_| setup.client()).collect();
    for reader in &mut readers {
        reader.send("GET /events HTTP/1.1\r\nHost: test\r\n\r\n");
        assert_eq!(reader.read_head(false).expect("a head").status, 200);
    }
    (sockets, readers)
}

#[test]
fn a_switch_back_lets_them_stay_for_as_long_as_they_like() {
    // L2 L3
    let setup = setup("4s");
    let (mut sockets, mut readers) = many(&setup);
    assert_eq!(setup.teal.switch("green", "&wait=published").status, 200);
    assert_eq!(setup.teal.switch("blue", "&wait=published").status, 200);
    let early = ended(&setup);
    assert!(early < 8, "{early} were asked before the way back");
    // Not luck: the time in which the others would have been asked.
    thread::sleep(Duration::from_millis(2_500));
    assert_eq!(ended(&setup), early);
    let alive = sockets.iter_mut().filter_map(|socket| {
        socket.send(Message::text("after")).ok()?;
        socket.read().ok().filter(Message::is_text)
    });
    let alive = alive.count() + readers.iter_mut().map(still_reads).filter(|reads| *reads).count();
    assert_eq!(alive as u64, 16 - early);
    // And now they are asked, at other moments.
    assert_eq!(setup.teal.switch("green", "&wait=published").status, 200);
    let switched = Instant::now();
    wait_until(SOON, "all are asked", || ended(&setup) == 16);
    let took = switched.elapsed();
    assert!(took > Duration::from_millis(500), "all at once, within {took:?} of two seconds");
}

/// Returns true if an event stream goes on beyond what has been sent so far.
fn still_reads(reader: &mut Client) -> bool {
    let end = Instant::now() + Duration::from_millis(100);
    while Instant::now() < end {
        if !matches!(reader.read_piece(), Ok(Some(_))) {
            return false;
        }
    }
    true
}

#[test]
fn the_deadline_of_the_switch_counts_and_not_that_of_the_configuration() {
    // L3
    let setup = setup("60s");
    let (sockets, readers) = many(&setup);
    let reading = thread::spawn(move || {
        for mut socket in sockets {
            while socket.read().is_ok() {} // answers the Close frame
        }
        for mut reader in readers {
            while let Ok(Some(_)) = reader.read_piece() {}
        }
    });
    let answer = setup.teal.switch("green", "&drain=4s");
    assert!(answer.status == 200 && !answer.text().contains("cut"), "{}", answer.text());
    assert_eq!(ended(&setup), 16);
    reading.join().expect("no panic");
    setup.finish();
}

#[test]
fn streams_that_cannot_end_cleanly_stay_until_the_deadline_and_are_cut_and_counted() {
    // L3
    let setup = setup("1s");
    // Compressed events show no boundary; another protocol is not understood.
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\n\
                Transfer-Encoding: chunked\r\n\r\n2\r\n\n\n\r\n";
    let open = Gate::new();
    let steps = vec![Step::Send(head.into()), Step::WaitFor(open.clone())];
    setup.blue.behave_at("/packed", Behavior::Script(steps));
    setup.blue.behave_at("/tunnel", Behavior::Tunnel);
    let mut packed = setup.client();
    packed.send("GET /packed HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(packed.read_head(false).expect("a head").status, 200);
    let mut tunnel = setup.client();
    tunnel
        .send("GET /tunnel HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n");
    assert_eq!(tunnel.read_head(false).expect("a head").status, 101);
    let answer = setup.teal.switch("green", "");
    assert!(answer.text().contains("cut"), "{}", answer.text());
    assert_eq!(ended(&setup), 0);
    assert!(packed.ending(SOON).ended() && tunnel.ending(SOON).ended());
    open.open();
    setup.finish();
}

#[test]
fn a_client_that_does_not_answer_the_close_is_not_waited_for_long() {
    // L10
    let setup = setup("6s");
    let mut deaf = Client::connect(setup.teal.listener());
    deaf.send(HANDSHAKE);
    assert_eq!(deaf.read_head(false).expect("a head").status, 101);
    setup.teal.switch_to("green");
    assert_eq!(deaf.ending(SOON).bytes(), b"\x88\x02\x03\xe9", "a Close frame, and then the end");
    assert_eq!(ended(&setup), 1);
    setup.finish();
}

/// A target whose WebSockets echo what they have written down.
fn recording_echo() -> (String, Arc<Mutex<BTreeSet<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let acted: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let all = acted.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let all = all.clone();
            thread::spawn(move || {
                // Not a WebSocket: a probe, which is answered by its first bytes.
                let mut first = [0; 16];
                let count = stream.peek(&mut first).unwrap_or(0);
                if first[..count].starts_with(b"GET /health") {
                    let mut stream = stream;
                    let _read = stream.read(&mut [0; 4096]);
                    let ok = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
                    let _gone = stream.write_all(ok);
                    return;
                }
                let Ok(mut socket) = tungstenite::accept(stream) else { return };
                while let Ok(message) = socket.read() {
                    if let Message::Text(text) = &message {
                        all.lock().expect("no panic").insert(text.to_string());
                        thread::sleep(Duration::from_millis(8)); // what acting takes
                        let _gone = socket.send(message);
                    }
                }
            });
        }
    });
    (format!("http://{address}"), acted)
}

/// Sends an id every 20 ms and reads what comes, until the Close frame; then only reads. Which came
/// back, and the code of the Close frame.
fn busy(mut socket: WebSocket<TcpStream>, name: usize) -> (BTreeSet<String>, Option<CloseCode>) {
    let (mut echoed, mut code, mut next) = (BTreeSet::new(), None, Instant::now());
    for number in 0.. {
        if code.is_none() && socket.send(Message::text(format!("{name}-{number}"))).is_err() {
            break;
        }
        next += Duration::from_millis(20);
        loop {
            let left = next.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            socket.get_ref().set_read_timeout(Some(left)).expect("a socket");
            match socket.read() {
                Ok(Message::Text(text)) => drop(echoed.insert(text.to_string())),
                Ok(Message::Close(frame)) => code = frame.map(|frame| frame.code),
                Ok(_) => {}
                Err(tungstenite::Error::Io(error))
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => return (echoed, code),
            }
        }
    }
    (echoed, code)
}

#[test]
fn r46_messages_passed_on_for_a_busy_web_socket_are_answered_before_it_is_closed() {
    // L3
    let ((blue, acted), (green, _)) = (recording_echo(), recording_echo());
    let close = "{ timeout = \"8s\", streams = \"close\" }";
    let settings = Settings::of_urls(&[&blue], &[&green]).service("drain", close);
    let teal = Teal::start_healthy(TEAL, &settings);
    let sockets: Vec<_> = (0..64).map(|_| websocket(teal.listener(), "/ws")).collect();
    let sending: Vec<_> = sockets
        .into_iter()
        .enumerate()
        .map(|(name, socket)| thread::spawn(move || busy(socket, name)))
        .collect();
    wait_until(SOON, "all are busy", || acted.lock().expect("no panic").len() > 640);
    let answer = teal.switch("green", "");
    assert!(answer.status == 200 && !answer.text().contains("cut"), "{}", answer.text());
    let (mut echoed, mut codes) = (BTreeSet::new(), Vec::new());
    for one in sending {
        let (ids, code) = one.join().expect("no panic");
        echoed.extend(ids);
        codes.push(code);
    }
    let acted = acted.lock().expect("no panic").clone();
    let unanswered: Vec<_> = acted.difference(&echoed).collect();
    let counted = teal.metrics().count("teal_streams_unanswered_total", &[]);
    assert!(unanswered.len() as u64 <= counted, "{unanswered:?}, {counted} counted");
    assert!(counted <= 8, "{counted} of 64 had to be closed without a pause");
    assert!(codes.iter().all(|code| *code == Some(CloseCode::Away)), "{codes:?}");
    assert_eq!(teal.metrics().count("teal_streams_ended_total", &[]), 64);
    teal.assert_books_balance();
}

#[test]
fn r46_a_message_without_an_answer_is_waited_for_and_counted() {
    // L3 L10
    let setup = setup("2s");
    let head = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
        Upgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    let mute = Behavior::Script(vec![Step::Send(head.to_vec()), Step::Hang]);
    setup.blue.behave_at("/ws", mute);
    let mut client = Client::connect(setup.teal.listener());
    client.send(HANDSHAKE);
    assert_eq!(client.read_head(false).expect("a head").status, 101);
    assert_eq!(setup.teal.switch("green", "&wait=published").status, 200);
    let message = |letter: u8| [0x81, 0x81, 0, 0, 0, 0, letter];
    let mut sent = 0;
    wait_until(SOON, "it is asked to end", || {
        client.send(message(b'a'));
        sent += 1;
        ended(&setup) == 1
    });
    client.send(message(b'b'));
    assert_eq!(client.read_bytes(4), b"\x88\x02\x03\xe9");
    client.send(message(b'c'));
    client.send(b"\x88\x82\x01\x02\x03\x04\x02\xeb");
    assert!(client.ending(SOON).ended());
    assert_eq!(setup.teal.metrics().count("teal_streams_unanswered_total", &[]), 1);
    let seen = setup.blue.seen().bytes().concat();
    for letter in *b"bc" {
        assert!(
            !seen.windows(7).any(|part| part == message(letter)),
            "passed on after the farewell"
        );
    }
    setup.finish();
}
