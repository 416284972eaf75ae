//! Row F17: hostile answers of targets never reach a client as something else, and never spoil
//! what the next client gets.

use std::time::Instant;

use testkit::{Behavior, Gate, Response, Step, WireError};

use super::canary;
use crate::stage::{SOON, Stage};

fn asked(stage: &Stage, method: &str, path: &str) -> Result<Response, WireError> {
    let mut client = stage.client();
    client.send(format!("{method} {path} HTTP/1.1\r\nHost: test\r\n\r\n"));
    client.read_answer(method == "HEAD")
}

#[test]
fn f17_an_answer_that_can_be_read_two_ways_is_502() {
    let stage = Stage::new();
    let answers = [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nhello",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 103 Hints\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\n\
         Content-Length: 0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\r\n folded\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX : a\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 0\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
        "garbage\r\n\r\n",
    ];
    let mut wrong = Vec::new();
    for (number, answer) in answers.iter().enumerate() {
        let path = format!("/f17/{number}");
        stage.blue.behave_at(&path, Behavior::raw(answer));
        match asked(&stage, "GET", &path) {
            Ok(got) if got.status == 502 => {}
            got => wrong.push(format!("{answer:?}: {got:?}")),
        }
        canary(&stage, answer);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    stage.finish();
}

#[test]
fn f17_bytes_beyond_an_answer_are_nobodys_answer() {
    let stage = Stage::new();
    let poison = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";
    for (method, path, begin) in [
        ("GET", "/extra", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ("GET", "/chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("GET", "/204", "HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", "/304", "HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\n"),
        ("HEAD", "/head", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"),
    ] {
        stage.blue.behave_at(path, Behavior::raw(format!("{begin}{poison}")));
        for _ in 0..3 {
            let answer = asked(&stage, method, path).expect("a whole answer");
            assert!(!answer.text().contains("poison"), "{path}");
            canary(&stage, path);
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
            stage.blue.behave_next(path, Behavior::Script(late));
            let answer = asked(&stage, method, path).expect("a whole answer");
            assert!(!answer.text().contains("poison"), "{path}");
            answered.open();
            assert!(poisoned.wait(Instant::now() + SOON), "the poison is sent");
            canary(&stage, path);
        }
    }
    stage.finish();
}

#[test]
fn f17_a_faulty_body_shows_as_faulty() {
    let stage = Stage::new();
    for (path, answer) in [
        ("/short", "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort"),
        ("/nolast", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
        ("/inchunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\nhello"),
        ("/badsize", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n-1\r\n"),
        ("/badend", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n"),
    ] {
        for behavior in [Behavior::raw_then_close(answer), Behavior::raw_then_reset(answer)] {
            stage.blue.behave_at(path, behavior);
            let got = asked(&stage, "POST", path);
            let refused = got.as_ref().is_ok_and(|answer| answer.status == 502);
            let gone = [WireError::Closed, WireError::Reset];
            let cut = got.as_ref().is_err_and(|error| {
                gone.contains(error) || matches!(error, WireError::Truncated(_))
            });
            assert!(refused || cut, "{path}: {got:?}");
            canary(&stage, path);
        }
    }
    stage.finish();
}

#[test]
fn an_answer_until_the_end_of_the_connection_is_whole_only_by_a_clean_end() {
    let stage = Stage::new();
    let answer = "HTTP/1.1 200 OK\r\nX-Kind: until-close\r\n\r\nall of it";
    stage.blue.behave_at("/clean", Behavior::raw_then_close(answer));
    let got = asked(&stage, "GET", "/clean").expect("a whole answer");
    assert_eq!(got.text(), "all of it");
    stage.blue.behave_at("/reset", Behavior::raw_then_reset(answer));
    let got = asked(&stage, "POST", "/reset");
    assert!(matches!(got, Err(WireError::Truncated(_) | WireError::Reset)), "{got:?}");
    stage.finish();
}

#[test]
fn u7_informational_answers_are_relayed_and_a_flood_of_them_is_not() {
    let stage = Stage::new();
    for count in [5, 32] {
        stage.blue.behave_at("/few", Behavior::informational(count));
        let answer = asked(&stage, "GET", "/few").expect("a whole answer");
        assert_eq!((answer.status, answer.informational), (200, vec![103; count]));
        canary(&stage, "U7");
    }
    stage.blue.behave_at("/many", Behavior::informational(33));
    assert_eq!(asked(&stage, "POST", "/many").expect("a whole answer").status, 502);
    canary(&stage, "U7");
    stage.blue.behave_at("/flood", Behavior::informational(10_000));
    let answer = asked(&stage, "POST", "/flood").expect("a whole answer");
    assert_eq!(answer.status, 502);
    assert!(answer.informational.len() <= 64, "{}", answer.informational.len());
    canary(&stage, "U7");
    stage.finish();
}
