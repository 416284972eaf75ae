//! Uploads over HTTP/2 that are answered before they end, frame by frame: the reset of their stream, which
//! many clients would lose the answer to, comes once they stand still, and not before.

use std::thread;
use std::time::{Duration, Instant};

use testkit::http2::{END_STREAM, Frame, Http2, get, kind, request};

use crate::http2::{goaway, prior_knowledge};
use crate::setup::{SOON, Setup};

const MOMENT: Duration = Duration::from_millis(300);

/// A Teal that takes no body longer than 1,000 bytes.
fn setup() -> Setup {
    Setup::with(|settings| prior_knowledge(settings).limits("body_bytes", "1000"))
}

/// A client that reads no status from a table: it remembers none.
fn connect(setup: &Setup) -> Http2 {
    Http2::connect_with(setup.teal.listener(), &[(1, 0)])
}

/// Opens an upload that is answered at once: its stream.
fn answered(client: &mut Http2) -> u32 {
    let stream = client.open(request("POST", "/x", &[("content-length", "60000")]), 0);
    let answer = client.answer(stream);
    assert_eq!((answer.status, answer.ended, answer.reset), (413, true, None));
    stream
}

fn data(client: &mut Http2, stream: u32, bytes: usize, flags: u8) {
    client.send(&Frame::new(kind::DATA, flags, stream, vec![b'b'; bytes]));
}

/// The code by which this stream is reset within this time.
fn reset_within(client: &mut Http2, stream: u32, patience: Duration) -> Option<u32> {
    let until = Instant::now() + patience;
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        let frame = client.frame_within(left)??;
        client.acknowledge(&frame);
        if frame.kind == kind::RST_STREAM && frame.stream == stream {
            return Some(frame.number(0));
        }
    }
    None
}

#[test]
fn r11_an_upload_that_ends_after_its_answer_is_not_reset_before_and_disturbs_nothing() {
    let setup = setup();
    let mut client = connect(&setup);
    for _ in 0..3 {
        let stream = answered(&mut client);
        for _ in 0..3 {
            data(&mut client, stream, 15_000, 0);
            assert_eq!(reset_within(&mut client, stream, MOMENT), None, "it is sending");
            assert_eq!(client.ask(get("/beside")).status, 200);
        }
        data(&mut client, stream, 15_000, END_STREAM);
        assert_eq!(client.ask(get("/after")).status, 200);
    }
    setup.finish();
}

#[test]
fn r11_an_upload_that_is_broken_off_after_its_answer_is_over() {
    let setup = setup();
    let mut client = connect(&setup);
    for _ in 0..200 {
        let stream = answered(&mut client);
        client.send(&Frame::new(kind::RST_STREAM, 0, stream, [0, 0, 0, 8]));
    }
    assert_eq!(client.ask(get("/after")).status, 200, "no budget was spent");
    setup.finish();
}

#[test]
fn r11_an_answered_upload_is_reset_after_silence_and_a_slow_one_in_the_end() {
    // L10
    let setup = setup();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut client = connect(&setup);
            let (begun, stream) = (Instant::now(), answered(&mut client));
            assert_eq!(reset_within(&mut client, stream, SOON * 2), Some(0));
            let took = begun.elapsed();
            assert!((4..8).contains(&took.as_secs()), "silence is 5 s: {took:?}");
            assert_eq!(client.ask(get("/after")).status, 200);
        });
        scope.spawn(|| {
            let mut client = connect(&setup);
            let (begun, stream) = (Instant::now(), answered(&mut client));
            let mut reset = None;
            while reset.is_none() && begun.elapsed() < SOON * 8 {
                data(&mut client, stream, 1, 0);
                reset = reset_within(&mut client, stream, Duration::from_secs(1));
            }
            let took = begun.elapsed();
            assert_eq!(reset, Some(0));
            assert!((23..30).contains(&took.as_secs()), "25 s in all: {took:?}");
        });
    });
    setup.finish();
}

#[test]
fn r11_more_answered_uploads_at_once_than_are_waited_for_are_bounded() {
    // D2
    let setup = setup();
    let mut client = connect(&setup);
    let begun = Instant::now();
    let streams: Vec<_> = (0..200).map(|_| answered(&mut client)).collect();
    assert!(begun.elapsed() < SOON, "no stream of an answered upload counts as open");
    data(&mut client, streams[0], 10, END_STREAM);
    assert_eq!(client.ask(get("/after")).status, 200);
    drop(client);
    setup.finish();
}

#[test]
fn r11_a_stop_ends_a_connection_with_answered_uploads_and_says_so() {
    // L7, L10
    let mut setup = setup();
    let mut client = connect(&setup);
    let stream = answered(&mut client);
    data(&mut client, stream, 10, 0);
    let begun = Instant::now();
    setup.teal.signal(rustix::process::Signal::TERM);
    let frames = client.rest();
    assert!(goaway(&frames).is_some(), "{frames:?}");
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    assert_eq!(setup.teal.wait_exit(SOON), Some(0));
}
