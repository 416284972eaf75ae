//! An upgrade keeps the series.

use testkit::{
    Client, Load, LoadOptions, Settings, Target, Teal, tungstenite, wait_for_ok, websocket,
};

use crate::{SOON, Sums, TEAL, assert_same_as_metrics, series};

#[test]
fn a_newer_teal_continues_the_points_of_the_older_one_and_they_still_add_up() {
    // L8
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    blue.behave_at("/ws", testkit::Behavior::WebSocket);
    let mut teal = Teal::start_healthy(TEAL, &Settings::new(&blue, &green));
    let mut client = Client::connect(teal.listener());
    for _ in 0..7 {
        assert_eq!(client.get("/").status, 200);
    }
    let before = assert_same_as_metrics(&teal);
    assert_eq!(before.colors[0][0], 7);
    // A tunnel keeps the older one there, so that its counts go on to come.
    let mut socket = websocket(teal.listener(), "/ws");
    socket.send(tungstenite::Message::text("open")).expect("the tunnel is open");
    let load = Load::start(teal.listener(), LoadOptions::default());
    load.wait_for_more(100);
    teal.upgrade();
    load.wait_for_more(100);
    let report = load.stop();
    report.assert_nothing_lost();
    let sums = assert_same_as_metrics(&teal);
    assert_eq!(sums.colors[0][0], report.sent + 8, "with those of the first Teal, and the tunnel");
    teal.upgrade();
    assert_eq!(assert_same_as_metrics(&teal), sums, "the third Teal has the points of the first");
    let newest = series(&teal, "?last=1");
    let streams = &newest["services"][0]["blue"]["streams"];
    assert_eq!(streams, &serde_json::json!([1]), "the one in the oldest Teal");
    drop(socket);
    wait_for_ok(SOON * 2, "ten seconds have all of them, too", || {
        let tens = Sums::of_series(&series(&teal, "?step=10"));
        if tens == sums { Ok(()) } else { Err(format!("{tens:?} is not {sums:?}")) }
    });
    teal.assert_books_balance();
}
