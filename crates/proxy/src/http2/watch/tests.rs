//! Frames that are counted, earned and held back.

use std::time::Duration;

use super::*;

fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u32;
    [&length.to_be_bytes()[1..], &[kind, flags, 0, 0, 0, 1], payload].concat()
}

/// Reads all of it, in as many turns as that takes.
fn read(watch: &Watch, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        bytes = &bytes[watch.see_read(bytes)..];
        watch.settle();
    }
}

#[test]
fn frames_are_counted_wherever_the_reads_are_cut() {
    let now = Instant::now();
    let all = [PREFACE, &frame(6, 0, &[0; 8]), &frame(0, 0, b"abc"), &frame(6, 0, &[0; 8])];
    let all = all.concat();
    for size in 1..=all.len() {
        let watch = Watch::new(Peer::Client, now);
        all.chunks(size).for_each(|piece| read(&watch, piece));
        let left = watch.budgets.borrow()[PING].left;
        assert!((left - (BUDGETS[PING].1 - 1.0)).abs() < 0.5, "{left} in pieces of {size}");
    }
}

#[test]
fn a_budget_ends_and_comes_back_with_time() {
    let now = Instant::now();
    let watch = Watch::new(Peer::Target, now);
    let settings = frame(4, 0, &[]);
    read(&watch, &settings.repeat(50));
    assert_eq!(watch.spent(), None);
    watch.turn(now + Duration::from_secs(2), 0);
    read(&watch, &settings.repeat(10));
    assert_eq!(watch.spent(), None);
    read(&watch, &settings);
    assert_eq!(watch.spent(), Some("SETTINGS"));
}

#[test]
fn a_head_in_pieces_has_begun_with_its_first() {
    // L10
    let now = Instant::now();
    let watch = Watch::new(Peer::Target, now);
    read(&watch, &frame(HEADERS, 0, b"a"));
    watch.turn(now + Duration::from_secs(1), 0);
    read(&watch, &frame(CONTINUATION, 0, b"b"));
    assert_eq!(watch.head_since(), Some(now));
    read(&watch, &frame(CONTINUATION, END_HEADERS, b"c"));
    assert_eq!(watch.head_since(), None);
}

#[test]
fn a_head_in_one_frame_is_on_its_way_until_its_last_byte() {
    // L10
    let now = Instant::now();
    let watch = Watch::new(Peer::Target, now);
    let head = frame(HEADERS, END_HEADERS, b"abc");
    let (most, last) = head.split_at(head.len() - 1);
    read(&watch, most);
    assert_eq!(watch.head_since(), Some(now));
    read(&watch, last);
    assert_eq!(watch.head_since(), None);
}

#[test]
fn passed_bytes_pay_for_their_frames_and_nothing_pays_for_a_flood() {
    // D6
    let now = Instant::now();
    let watch = Watch::new(Peer::Client, now);
    read(&watch, PREFACE);
    let (ping, data) = (frame(6, 0, &[0; 8]), frame(DATA, 0, b"abc"));
    for _ in 0..10_000 {
        watch.see_written(&data);
        read(&watch, &ping);
    }
    assert_eq!(watch.spent(), None, "one for each piece of data");
    let (asked, broken) = (frame(HEADERS, END_HEADERS, b"a"), frame(3, 0, &[0; 4]));
    for _ in 0..500 {
        read(&watch, &asked);
        read(&watch, &broken);
    }
    assert_eq!(watch.spent(), None);
    read(&watch, &broken);
    assert_eq!(watch.spent(), Some("RST_STREAM"), "a request earns nothing, an answer does");
}

#[test]
fn a_turn_reads_no_more_than_its_answers_are_written_for() {
    // D2
    let watch = Watch::new(Peer::Client, Instant::now());
    read(&watch, PREFACE);
    let heads = frame(HEADERS, END_HEADERS, b"a").repeat(1000);
    let one = heads.len() / 1000;
    assert_eq!(watch.see_read(&heads), TURN / HEAD * one, "to the end of a frame");
    assert_eq!(watch.see_read(&heads), 0, "until the turn has ended");
    watch.full.set(true);
    assert!(!watch.settle(), "what it brought about is not written yet");
    assert_eq!(watch.see_read(&heads), 0);
    watch.see_written(&frame(DATA, 0, &[0; 8 * OUTPUT * HEAD]));
    assert!(watch.settle(), "some of it is");
    assert_eq!(watch.see_read(&heads), 8 * one, "as much as was made up for");
    watch.full.set(false);
    assert!(watch.settle(), "reading goes on");
    assert_eq!(watch.see_read(&heads), TURN / HEAD * one);
}

#[test]
fn moved_bytes_are_distributed_evenly() {
    let watch = Watch::new(Peer::Client, Instant::now());
    watch.turn(Instant::now(), 4);
    (0..10).for_each(|_| watch.share(3));
    assert_eq!(watch.progress().each(), 7);
}

#[test]
fn a_reset_ends_the_watch_of_its_stream() {
    let watch = Watch::new(Peer::Client, Instant::now());
    read(&watch, PREFACE);
    read(&watch, &frame(HEADERS, END_HEADERS, b"a"));
    assert!(watch.is_busy());
    watch.served(1);
    watch.refused("teal-x");
    assert!(watch.is_busy(), "its body has not ended");
    watch.see_written(&frame(RESET, 0, &[0, 0, 0, 2]));
    assert!(!watch.is_busy());
}

#[tokio::test]
async fn our_queued_frames_hold_reading_back_as_the_librarys_do() {
    // D2
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let _peer = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let mut stream = Stream::Tcp(listener.accept().await.unwrap().0);
    let watch = Watch::new(Peer::Client, Instant::now());
    watch.refusals.borrow_mut().own_mut().resize(64 << 20, 0);
    let mut cx = Context::from_waker(std::task::Waker::noop());
    assert!(watch.poll_own(&mut stream, &mut cx).is_pending(), "more than the socket takes");
    read_heads_until_sated(&watch);
    watch.written_since.set(0);
    assert!(!watch.settle() && watch.is_sated());
}

fn read_heads_until_sated(watch: &Watch) {
    watch.see_read(PREFACE);
    watch.see_read(&frame(HEADERS, END_HEADERS, b"a").repeat(TURN));
    assert!(watch.is_sated());
}
