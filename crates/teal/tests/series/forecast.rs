//! Dry runs: the words of what a switch or a rollback would move.

use testkit::{
    Behavior, Client, Gate, Load, LoadOptions, Settings, Target, Teal, tungstenite, wait_until,
    websocket,
};

use crate::{SOON, TEAL, assert_same_as_metrics};

#[test]
fn a_dry_run_says_what_would_move_and_what_would_stay_for_how_long() {
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let gate = Gate::new();
    blue.behave_at("/held", Behavior::Held(gate.clone()));
    blue.behave_at("/ws", Behavior::WebSocket);
    let teal = Teal::start_healthy(TEAL, &Settings::new(&blue, &green));
    let quiet = teal.cli(&["switch", "green", "--dry-run", "--version", "v42"]);
    quiet.assert_code(0);
    for line in [
        "Would switch from blue to green\n",
        "New requests go to green (v42); there were almost none in the last 10s\n",
        "Nothing is in flight on blue\n",
        "A rollback to blue stays possible\n",
    ] {
        assert!(quiet.stdout.contains(line), "{line:?} is missing in\n{}", quiet.stdout);
    }

    let load =
        Load::start(teal.listener(), LoadOptions { connections: 4, ..LoadOptions::default() });
    load.wait_for_more(300);
    load.stop().assert_nothing_lost();
    assert_same_as_metrics(&teal);
    let mut socket = websocket(teal.listener(), "/ws");
    socket.send(tungstenite::Message::text("open")).expect("the tunnel is open");
    let mut client = Client::connect(teal.listener());
    client.send("GET /held HTTP/1.1\r\nHost: test\r\n\r\n");
    wait_until(SOON, "both are in flight", || teal.color("blue")["in_flight"] == 2);
    let (_, answer) = teal.ask_json("POST", "/admin/switch?to=green&dry_run=true&drain=7s");
    let forecast = &answer["forecast"];
    assert_eq!((&forecast["in_flight"], &forecast["streams"]), (&1.into(), &1.into()), "{answer}");
    assert_eq!(forecast["drain_seconds"], 7.0);
    assert!(forecast["requests_per_second"].as_f64().is_some_and(|rate| rate > 1.0), "{answer}");
    assert_eq!(answer["sentences"][1], "1 request and 1 stream stay on blue for up to 7s");
    assert_eq!(teal.active(), "blue", "nothing was changed");
    let status = teal.color("blue");
    assert_eq!((&status["streams"], &status["tunnels"]), (&1.into(), &1.into()));
    gate.open();
    assert_eq!(client.answer().status, 200);
    drop(socket);

    teal.switch_to("green");
    let back = teal.cli(&["rollback", "--dry-run"]);
    back.assert_code(0);
    assert!(back.stdout.contains("A rollback to green stays possible\n"), "{}", back.stdout);
    let service = teal.service();
    assert_eq!(service["changed"]["verb"], "switch");
    assert_eq!(service["rollback"]["to"], "blue");
    teal.assert_books_balance();
}
