//! Row F17: bytes that a target sends behind its answer, at once or when the connection is idle, are
//! nobody's answer. All other hostile answers are in the table `tests/attacks/responses.toml`.

use std::time::Instant;

use testkit::{Behavior, Gate, Response, Step, WireError};

use super::canary;
use crate::setup::{SOON, Setup};

fn asked(setup: &Setup, method: &str, path: &str) -> Result<Response, WireError> {
    let mut client = setup.client();
    client.send(format!("{method} {path} HTTP/1.1\r\nHost: test\r\n\r\n"));
    client.read_answer(method == "HEAD")
}

#[test]
fn f17_bytes_beyond_an_answer_are_nobodys_answer() {
    let setup = Setup::new();
    let poison = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";
    for (method, path, begin) in [
        ("GET", "/extra", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ("GET", "/chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("GET", "/204", "HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", "/304", "HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\n"),
        ("HEAD", "/head", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"),
    ] {
        setup.blue.behave_at(path, Behavior::raw(format!("{begin}{poison}")));
        for _ in 0..3 {
            let answer = asked(&setup, method, path).expect("a whole answer");
            assert!(!answer.text().contains("poison"), "{path}");
            canary(&setup, path);
        }
        // Also when the poison comes later, on the idle connection.
        for _ in 0..10 {
            let (answered, poisoned) = (Gate::new(), Gate::new());
            let late = vec![
                Step::ReadBody,
                Step::Send(begin.into()),
                Step::WaitFor(answered.clone()),
                Step::Send(poison.into()),
                Step::Open(poisoned.clone()),
            ];
            setup.blue.behave_next(path, Behavior::Script(late));
            let answer = asked(&setup, method, path).expect("a whole answer");
            assert!(!answer.text().contains("poison"), "{path}");
            answered.open();
            assert!(poisoned.wait(Instant::now() + SOON), "the poison is sent");
            canary(&setup, path);
        }
    }
    setup.finish();
}
