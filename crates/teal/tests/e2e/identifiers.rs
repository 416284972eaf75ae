//! Request ids, trace ids and the keys of WebSocket handshakes are random: they repeat neither after a
//! restart nor in another Teal.

use std::collections::BTreeSet;

use testkit::http2::{Frame, Http2, fields, kind};
use testkit::{Behavior, Target};

use crate::http2::prior_knowledge;
use crate::setup::Setup;

const STARTS: usize = 3;
const REQUESTS: usize = 40;

/// The tunnel of RFC 8441 that a client asks for at this path.
fn websocket(path: &str) -> Vec<u8> {
    fields(&[
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "http"),
        (":authority", "test"),
        (":path", path),
        ("sec-websocket-version", "13"),
    ])
}

#[test]
fn r20_ids_and_keys_repeat_neither_after_a_start_nor_in_another_teal() {
    let collector = Target::start("collector");
    let traced = format!("[otel]\nendpoint = '{}'", collector.url());
    let setup = || {
        let setup = Setup::with(|settings| prior_knowledge(settings).extra(&traced));
        setup.blue.behave_at("/ws", Behavior::WebSocket);
        setup
    };
    let mut setups = [setup(), setup()];
    for setup in &mut setups {
        for start in 0..STARTS {
            for _ in 0..REQUESTS {
                assert_eq!(setup.client().get("/one").status, 200);
                let mut client = Http2::connect(setup.teal.listener());
                let stream = client.open(websocket("/ws"), 0);
                let opened = |frame: &Frame| frame.kind == kind::HEADERS && frame.stream == stream;
                while !opened(&client.frame().expect("a tunnel")) {}
            }
            setup.teal.kill();
            if start + 1 < STARTS {
                setup.teal.start_again();
            }
        }
    }
    let seen = |path: &str, field: &str, part: fn(&str) -> &str| {
        let requests = setups.iter().flat_map(|setup| setup.blue.seen().requests_to(path));
        let values = requests.map(|request| {
            part(request.fields.get(field).expect("Teal says it to the target")).to_owned()
        });
        values.collect::<Vec<_>>()
    };
    for (path, field, part) in [
        ("/one", "x-request-id", (|id| id) as fn(&str) -> &str),
        ("/one", "traceparent", |parent| &parent[3..35]),
        ("/one", "traceparent", |parent| &parent[36..52]),
        ("/ws", "sec-websocket-key", |key| key),
    ] {
        let all = seen(path, field, part);
        let different: BTreeSet<_> = all.iter().collect();
        assert_eq!(all.len(), 2 * STARTS * REQUESTS, "{field}");
        assert_eq!(different.len(), all.len(), "{field} repeats");
    }
}
