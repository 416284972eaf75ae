//! Properties that hold for every input: what is forwarded is exactly one well-formed message with our framing,
//! or nothing, and the way bytes are cut into reads makes no difference.

mod checker;
mod inputs;

use checker::Framed;
use http1::{
    BodyLength, BodyReader, FieldSlots, Forwarding, HeadScan, Limits, Request, RequestContext,
    Response, ToClient, Version, chunk_head, write_last_chunk, write_request, write_response,
};
use proptest::{prelude::*, test_runner::TestCaseError};

fn many() -> ProptestConfig {
    ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() }
}

/// Small, so that the inputs reach them.
const LIMITS: Limits = Limits { head_bytes: 600, fields: 12, uri_bytes: 60 };

fn fail(reason: String) -> TestCaseError {
    TestCaseError::fail(reason)
}

/// Forwards the request at the start of `raw`, and checks what is sent upstream with the checker.
fn forward(raw: &[u8]) -> Result<Option<Vec<u8>>, TestCaseError> {
    let Ok(Some(end)) = HeadScan::new().scan(raw, &LIMITS) else { return Ok(None) };
    let mut slots = FieldSlots::new();
    let Ok(request) = Request::parse(&raw[..end], &mut slots, &LIMITS) else { return Ok(None) };
    let mut out = Vec::new();
    let forwarding = Forwarding {
        client: checker::CLIENT.into(),
        proto: "http",
        request_id: checker::REQUEST_ID.as_bytes(),
        via: checker::VIA,
        trusted: false,
        underscores: false,
        strip: "",
        certificate: b"",
        drop: &[],
        own: "",
        trace: None,
    };
    write_request(&mut out, &request, &forwarding);
    let (head, framed) = checker::request(&out).map_err(fail)?;
    let expected = match request.body {
        BodyLength::None => Framed::Nothing,
        BodyLength::Length(length) => Framed::Length(length),
        BodyLength::Chunked => Framed::Chunked,
        BodyLength::UntilClose => return Err(fail("a request without an end".to_owned())),
    };
    prop_assert_eq!(framed, expected);
    prop_assert_eq!(head.values("host"), [request.host]);
    prop_assert_eq!(head.start, format!("{} {} HTTP/1.1", request.method.as_str(), request.target));
    Ok(Some(out))
}

/// Answers with the response at the start of `raw`, and checks what the client gets with the checker.
fn answer(raw: &[u8], asked: &RequestContext<'_>, version: Version) -> Result<bool, TestCaseError> {
    let Ok(Some(end)) = HeadScan::new().scan_response(raw, &LIMITS) else { return Ok(false) };
    let mut slots = FieldSlots::new();
    let Ok(response) = Response::parse(&raw[..end], &mut slots, asked, &LIMITS) else {
        return Ok(false);
    };
    let mut out = Vec::new();
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
    let body = write_response(&mut out, &response, &to);
    let (head, framed) = checker::response(&out).map_err(fail)?;
    match body {
        BodyLength::Length(length) => prop_assert_eq!(framed, Framed::Length(length)),
        BodyLength::Chunked => prop_assert_eq!(framed, Framed::Chunked),
        BodyLength::None => prop_assert_ne!(framed, Framed::Chunked),
        BodyLength::UntilClose => {
            prop_assert_eq!(framed, Framed::Nothing);
            prop_assert!(head.values("connection").iter().any(|value| value.starts_with("close")));
        }
    }
    Ok(true)
}

/// Returns what a chunked body gives when it arrives cut at the given places: payload, bytes consumed and
/// trailers, or `None` when it is refused or incomplete.
fn read_chunked(raw: &[u8], cuts: &[usize]) -> Option<(Vec<u8>, usize, Vec<u8>)> {
    let mut reader = BodyReader::new(BodyLength::Chunked);
    let mut payload = Vec::new();
    let mut at = 0;
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (raw.len() + 1)).collect();
    ends.push(raw.len());
    ends.sort_unstable();
    for end in ends {
        let mut buf = raw[at..end.max(at)].to_vec();
        let decoded = reader.decode(&mut buf).ok()?;
        payload.extend_from_slice(&buf[decoded.data]);
        at += decoded.consumed;
    }
    reader.eof().ok()?;
    Some((payload, at, reader.trailers().to_vec()))
}

proptest! {
    #![proptest_config(many())]

    #[test]
    fn whatever_comes_one_well_formed_request_goes_upstream_or_nothing(raw in inputs::request()) {
        if let Some(out) = forward(&raw)? {
            // The output must itself be a request that we would accept, with the same meaning.
            // Our own X-Forwarded-* come from a proxy then, and the head is a little longer.
            let limits = Limits { head_bytes: 4096, fields: 30, ..LIMITS };
            let mut slots = FieldSlots::new();
            let again = Request::parse(&out, &mut slots, &limits);
            prop_assert!(again.is_ok() || out.windows(9).any(|w| w == b"\r\nhost: \r"), "{:?}", again);
        }
    }

    #[test]
    fn whatever_a_target_says_a_client_gets_one_well_formed_head_or_nothing(
        raw in inputs::response(),
        head: bool,
        old: bool,
        upgrade: bool,
    ) {
        let asked = RequestContext { head, upgrade: upgrade.then_some("websocket") };
        answer(&raw, &asked, if old { Version::Http10 } else { Version::Http11 })?;
    }

    #[test]
    fn the_end_of_a_head_does_not_depend_on_how_it_arrives(
        raw in inputs::request(),
        cuts in proptest::collection::vec(0..700usize, 0..8),
    ) {
        let at_once = HeadScan::new().scan(&raw, &LIMITS);
        let mut ends: Vec<usize> = cuts.into_iter().filter(|cut| *cut < raw.len()).collect();
        ends.push(raw.len());
        ends.sort_unstable();
        let mut scan = HeadScan::new();
        let mut seen = Ok(None);
        for end in ends {
            seen = scan.scan(&raw[..end], &LIMITS);
            if seen != Ok(None) {
                break;
            }
        }
        prop_assert_eq!(seen, at_once);
    }

    #[test]
    fn a_body_does_not_depend_on_how_it_arrives_and_two_readers_agree_on_it(
        raw in inputs::chunked(),
        cuts in proptest::collection::vec(0..2000usize, 0..12),
    ) {
        let at_once = read_chunked(&raw, &[]);
        prop_assert_eq!(&read_chunked(&raw, &cuts), &at_once);
        let every: Vec<usize> = (0..raw.len()).collect();
        prop_assert_eq!(&read_chunked(&raw, &every), &at_once);
        let ours = at_once.map(|(payload, used, _)| (payload, used));
        prop_assert_eq!(ours, checker::dechunk(&raw));
    }

    #[test]
    fn chunking_keeps_the_bytes(
        pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..300), 0..6),
        cuts in proptest::collection::vec(0..2000usize, 0..12),
    ) {
        let mut out = Vec::new();
        for piece in &pieces {
            out.extend_from_slice(chunk_head(piece.len(), &mut [0; 18]));
            out.extend_from_slice(piece);
            out.extend_from_slice(http1::CHUNK_END);
        }
        write_last_chunk(&mut out, b"X-Sum: 1\r\n");
        let whole = out.len();
        out.extend_from_slice(b"next");
        let expected = Some((pieces.concat(), whole, b"X-Sum: 1\r\n".to_vec()));
        prop_assert_eq!(read_chunked(&out, &cuts), expected);
    }

    #[test]
    fn bytes_without_any_form_never_panic(raw: Vec<u8>, head: bool) {
        forward(&raw)?;
        answer(&raw, &RequestContext { head, upgrade: None }, Version::Http11)?;
        read_chunked(&raw, &[1, 2, 5]);
    }
}

#[test]
fn the_generated_inputs_reach_both_sides_of_the_border() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut counts = [0; 6];
    for _ in 0..1000 {
        let mut next = |strategy: &BoxedStrategy<Vec<u8>>| {
            use proptest::strategy::ValueTree as _;
            strategy.new_tree(&mut runner).expect("strategies do not filter").current()
        };
        let (request, response, body) =
            (next(&inputs::request()), next(&inputs::response()), next(&inputs::chunked()));
        let reached = [
            forward(&request).expect("holds").is_some(),
            answer(&response, &RequestContext::default(), Version::Http11).expect("holds"),
            read_chunked(&body, &[]).is_some(),
        ];
        for (index, yes) in reached.into_iter().enumerate() {
            counts[2 * index + usize::from(yes)] += 1;
        }
    }
    assert!(counts.iter().all(|&count| count > 100), "refused and accepted by kind: {counts:?}");
}
