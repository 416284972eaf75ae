//! More clients than there is room for: Teal keeps its reserve, answers its operators, and serves
//! again as soon as there is room.

use std::time::Duration;

use testkit::{Client, Settings, Target, Teal, wait_until};

use crate::TEAL;
use crate::stage::{SOON, Stage};

#[test]
fn connections_beyond_the_limit_wait_and_the_operator_is_still_served() {
    // D11
    let stage = Stage::with(|settings| settings.limits("connections", "20"));
    let mut clients = (0..20).map(|_| stage.client()).collect::<Vec<_>>();
    for client in &mut clients {
        assert_eq!(client.get("/").status, 200);
    }
    let mut further = stage.client().patience(Duration::from_millis(400));
    further.send("GET /further HTTP/1.1\r\nHost: test\r\n\r\n");
    let turned_away = match further.read_answer(false) {
        Ok(answer) => answer.status == 503,
        Err(_) => true,
    };
    assert!(turned_away, "a connection beyond the limit was served");
    stage.teal.switch_to("green");
    drop(clients);
    wait_until(SOON, "there is room again", || {
        let Ok(mut client) = Client::try_connect(stage.teal.listener()) else { return false };
        client.try_send("GET / HTTP/1.1\r\nHost: test\r\n\r\n").is_ok()
            && client.read_answer(false).is_ok_and(|answer| answer.status == 200)
    });
    stage.finish();
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
