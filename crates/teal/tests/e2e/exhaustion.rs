//! More clients than there is room for: Teal keeps its reserve, answers its operators, and serves
//! again as soon as there is room.

use std::time::Duration;

use testkit::http2::{Http2, get, kind};
use testkit::{Client, Ending, Settings, Target, Teal, wait_until};

use crate::TEAL;
use crate::hostile_clients::resident;
use crate::setup::{SOON, Setup};

#[test]
fn connections_beyond_the_limit_wait_and_the_operator_is_still_served() {
    // D11
    let setup = Setup::with(|settings| settings.limits("connections", "20"));
    let clients = (0..20).map(|_| setup.held_on_blue()).collect::<Vec<_>>();
    let mut further = setup.client().patience(Duration::from_millis(400));
    further.send("GET /further HTTP/1.1\r\nHost: test\r\n\r\n");
    let turned_away = match further.read_answer(false) {
        Ok(answer) => answer.status == 503,
        Err(_) => true,
    };
    assert!(turned_away, "a connection beyond the limit was served");
    assert_eq!(setup.teal.switch("green", "&wait=published").status, 200);
    for (client, gate) in clients {
        gate.open();
        drop(client);
    }
    wait_until(SOON, "there is room again", || {
        let Ok(mut client) = Client::try_connect(setup.teal.listener()) else { return false };
        client.try_send("GET / HTTP/1.1\r\nHost: test\r\n\r\n").is_ok()
            && client.read_answer(false).is_ok_and(|answer| answer.status == 200)
    });
    setup.finish();
}

#[test]
fn r41_idle_connections_are_given_up_for_new_clients() {
    // L7
    let setup = Setup::with(|settings| {
        let settings = settings.top("workers", "1"); // each worker knows the order of its own
        settings.limits("connections", "20")
    });
    // The oldest are two that never asked; the youngest is used all the time.
    let silent = [setup.client(), setup.client()];
    let (mut busy, gate) = setup.held_on_blue();
    let mut idle = (0..16).map(|_| setup.client()).collect::<Vec<_>>();
    for client in &mut idle {
        assert_eq!(client.get("/").status, 200);
    }
    let mut active = setup.client();
    let mut further = Vec::new();
    for n in 0..4 {
        assert_eq!(active.get("/active").status, 200);
        let mut client = setup.client();
        assert_eq!(client.get("/further").status, 200, "client {n} beyond the limit");
        further.push(client);
    }
    for mut client in silent {
        assert_eq!(client.ending(SOON), Ending::Fin(Vec::new()));
    }
    // Clients that were not among the oldest are served.
    assert_eq!(active.get("/active").status, 200);
    assert_eq!(idle.last_mut().expect("one of them").get("/").status, 200);
    gate.open();
    assert_eq!(busy.answer().status, 200);
    setup.teal.log_has(&["limits.connections is reached"]);
    setup.finish();
}

#[test]
fn r41_an_idle_connection_of_http_2_is_given_up_with_a_goaway() {
    // L7
    let setup =
        Setup::with(|settings| settings.limits("connections", "1").listener_key("http2", "true"));
    let mut http2 = Http2::connect(setup.teal.listener());
    assert_eq!(http2.ask(get("/")).status, 200);
    assert_eq!(setup.client().get("/further").status, 200);
    assert!(http2.rest().iter().any(|frame| frame.kind == kind::GOAWAY));
    setup.finish();
}

#[test]
fn r42_heads_that_do_not_end_are_bounded_together() {
    // L10
    const SLOW: usize = 1_500;
    const HEAD: usize = 31_000;
    let setup = Setup::with(|settings| settings.top("workers", "1"));
    assert_eq!(setup.client().get("/").status, 200);
    let before = resident(setup.teal.pid());
    let head = format!("GET / HTTP/1.1\r\nHost: test\r\nA: {}", "a".repeat(HEAD));
    let mut slow = Vec::new();
    for _ in 0..SLOW {
        let mut client = setup.client();
        client.send(&head);
        slow.push(client);
        if slow.len() % 100 == 0 {
            assert_eq!(setup.client().get("/honest").status, 200);
        }
    }
    let mut first = slow.remove(0);
    assert_eq!(first.answer().status, 408, "the oldest makes room");
    let grown = resident(setup.teal.pid()).saturating_sub(before);
    assert!(grown < 30 << 20, "{grown} bytes for {SLOW} heads of {HEAD}");
    // The youngest is still waited for.
    let mut last = slow.pop().expect("the last one");
    last.send("\r\n\r\n");
    assert_eq!(last.answer().status, 200);
    drop(slow);
    wait_until(SOON, "they are gone", || setup.teal.color("blue")["in_flight"] == 0);
    setup.finish();
}

#[test]
fn r34_a_file_limit_that_allows_no_client_is_refused_with_the_reason() {
    let directory = tempfile::tempdir().expect("a directory");
    let text = format!("ulimit -n 64\nexec {TEAL} \"$@\"\n");
    let program = Teal::script(directory.path(), &text);
    let config = directory.path().join("teal.toml");
    let settings = Settings::of_urls(&["http://127.0.0.1:1"], &["http://127.0.0.1:2"]);
    std::fs::write(&config, settings.to_toml(&directory.path().join("state"))).expect("a file");
    let arguments = ["run".to_owned(), "--config".to_owned(), config.display().to_string()];
    let ended = testkit::run(program.as_ref(), arguments, &[], Duration::from_secs(20));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    for words in ["may open 64 files, and needs ", "`ulimit -n 4096`", "LimitNOFILE="] {
        assert!(ended.stderr.contains(words), "{words}: {ended:?}");
    }
}

#[test]
fn running_out_of_descriptors_leaves_the_operator_served() {
    // D11
    let directory = tempfile::tempdir().expect("a temporary directory");
    let program = Teal::script(directory.path(), &format!("ulimit -n 192\nexec {TEAL} \"$@\"\n"));
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let teal = Teal::start_healthy(&program, &Settings::new(&blue, &green));
    let clients = (0..300)
        .filter_map(|_| {
            let mut client = Client::try_connect(teal.listener()).ok()?;
            client.try_send("GET / HTTP/1.1\r\nHost: test\r\n\r\n").ok()?;
            Some(client)
        })
        .collect::<Vec<_>>();
    assert!(clients.len() > 150, "only {} connections", clients.len());
    teal.wait_healthy("green", true);
    teal.switch_to("green");
    assert_eq!(teal.active(), "green");
    drop(clients);
    wait_until(SOON, "clients are served again", || {
        let Ok(mut client) = Client::try_connect(teal.listener()) else { return false };
        client.try_send("GET / HTTP/1.1\r\nHost: test\r\n\r\n").is_ok()
            && client.read_answer(false).is_ok_and(|answer| answer.status == 200)
    });
    teal.assert_books_balance();
}
