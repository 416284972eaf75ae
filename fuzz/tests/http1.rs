//! Fuzz targets for `http1`: requests, responses and chunked bodies. They run as ordinary tests on
//! stable Rust, each bounded in time, and under a coverage-guided fuzzer with `cargo bolero`.
//!
//! An input is either bytes as they would come from a socket, which is what the committed seeds
//! are, or, if its first byte is above 0x7f, a recipe: its bytes pick pieces of the target's
//! dictionary, so that random bytes make messages near the border of what is accepted.

#[path = "../../crates/http1/tests/properties/checker.rs"]
mod checker;
mod dictionary;

use checker::Framed;
use dictionary::Dictionary;
use fuzz::time;
use http1::{
    BodyLength, BodyReader, FieldSlots, Forwarding, HeadScan, Limits, Request, RequestContext,
    Response, ToClient, Version, write_request, write_response,
};

/// Longer inputs find nothing more: a recipe has at most 18 bytes.
const INPUT_BYTES: usize = 64;

const LIMITS: Limits = Limits { head_bytes: 2000, fields: 40, uri_bytes: 100 };

/// The bytes that an input stands for.
fn expand(input: &[u8], dictionary: &Dictionary) -> Vec<u8> {
    match input {
        [first, recipe @ ..] if *first >= 0x80 => dictionary.cook(recipe),
        plain => plain.to_vec(),
    }
}

/// Returns the end of the head at the start of `raw`, if it arrives `step` bytes at a time.
fn end_of_request(raw: &[u8], step: usize) -> Option<usize> {
    let mut scan = HeadScan::new();
    let mut end = 0;
    loop {
        end = (end + step).min(raw.len());
        match scan.scan(&raw[..end], &LIMITS) {
            Ok(None) if end < raw.len() => {}
            Ok(found) => return found,
            Err(_) => return None,
        }
    }
}

#[test]
fn requests_go_upstream_as_one_well_formed_request_or_not_at_all() {
    bolero::check!(name = "request").with_test_time(time()).with_max_len(INPUT_BYTES).for_each(
        |input| {
            let raw = expand(input, &dictionary::REQUEST);
            let found = end_of_request(&raw, raw.len().max(1));
            assert_eq!(found, end_of_request(&raw, 1), "the same byte by byte");
            let Some(end) = found else { return };
            let mut slots = FieldSlots::new();
            let Ok(request) = Request::parse(&raw[..end], &mut slots, &LIMITS) else { return };
            let forwarding = Forwarding {
                client: checker::CLIENT.into(),
                proto: "http",
                request_id: checker::REQUEST_ID.as_bytes(),
                via: checker::VIA,
                underscores: false,
                trusted: false,
                strip: "",
                certificate: b"",
                drop: &[],
                own: "",
                trace: None,
            };
            let mut out = Vec::new();
            write_request(&mut out, &request, &forwarding);
            let (head, framed) = checker::request(&out).expect("one well-formed request");
            let expected = match request.body {
                BodyLength::None => Framed::Nothing,
                BodyLength::Length(length) => Framed::Length(length),
                BodyLength::Chunked => Framed::Chunked,
                BodyLength::UntilClose => unreachable!("requests have an end"),
            };
            assert_eq!(framed, expected);
            assert_eq!(
                head.start,
                format!("{} {} HTTP/1.1", request.method.as_str(), request.target)
            );
        },
    );
}

#[test]
fn responses_reach_the_client_as_one_well_formed_head_or_not_at_all() {
    bolero::check!(name = "response").with_test_time(time()).with_max_len(INPUT_BYTES).for_each(
        |input| {
            let raw = expand(input, &dictionary::RESPONSE);
            let Ok(Some(end)) = HeadScan::new().scan_response(&raw, &LIMITS) else { return };
            for (head, upgrade, version) in [
                (false, None, Version::Http11),
                (false, Some("websocket"), Version::Http11),
                (true, None, Version::Http10),
            ] {
                answer(&raw[..end], &RequestContext { head, upgrade }, version);
            }
        },
    );
}

fn answer(raw: &[u8], asked: &RequestContext<'_>, version: Version) {
    let mut slots = FieldSlots::new();
    let Ok(response) = Response::parse(raw, &mut slots, asked, &LIMITS) else { return };
    let to = ToClient {
        version,
        close: false,
        via: checker::VIA,
        head: asked.head,
        request_id: checker::REQUEST_ID.as_bytes(),
        hsts: None,
        added: b"",
        uncached: false,
        date: b"Sun, 06 Nov 1994 08:49:37 GMT",
    };
    let mut out = Vec::new();
    let body = write_response(&mut out, &response, &to);
    let (head, framed) = checker::response(&out).expect("one well-formed head");
    match body {
        BodyLength::Length(length) => assert_eq!(framed, Framed::Length(length)),
        BodyLength::Chunked => assert_eq!(framed, Framed::Chunked),
        BodyLength::None => assert_ne!(framed, Framed::Chunked),
        BodyLength::UntilClose => {
            assert_eq!(framed, Framed::Nothing);
            assert!(head.values("connection").iter().any(|value| value.starts_with("close")));
        }
    }
}

/// Payload and length of the body at the start of `raw`, if it arrives `step` bytes at a time.
fn read(raw: &[u8], step: usize) -> Option<(Vec<u8>, usize)> {
    let mut reader = BodyReader::new(BodyLength::Chunked);
    let mut payload = Vec::new();
    let mut at = 0;
    while at < raw.len() && !reader.is_done() {
        let mut buf = raw[at..raw.len().min(at + step)].to_vec();
        let decoded = reader.decode(&mut buf).ok()?;
        payload.extend_from_slice(&buf[decoded.data]);
        at += decoded.consumed;
    }
    reader.eof().ok()?;
    Some((payload, at))
}

#[test]
fn chunked_bodies_read_the_same_in_any_pieces_and_by_a_second_reader() {
    bolero::check!(name = "chunked").with_test_time(time()).with_max_len(INPUT_BYTES).for_each(
        |input| {
            let raw = expand(input, &dictionary::CHUNKED);
            let at_once = read(&raw, raw.len().max(1));
            for step in [1, 2, 7] {
                assert_eq!(read(&raw, step), at_once, "by {step}");
            }
            assert_eq!(at_once, checker::dechunk(&raw));
        },
    );
}
