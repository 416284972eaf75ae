//! Targets behind Unix sockets: reached, probed, switched and drained like any other.

use std::path::Path;
use std::time::Duration;

use testkit::{
    Behavior, Load, LoadOptions, Settings, Target, TargetSocket, Teal, checksum, tungstenite,
    wait_until, websocket,
};

use crate::TEAL;
use crate::setup::{SOON, switch_ten_times};

struct Sockets {
    teal: Teal,
    blue: (Target, Option<TargetSocket>),
    green: (Target, Option<TargetSocket>),
    directory: tempfile::TempDir, // gone last
}

fn path(directory: &Path, color: &str) -> std::path::PathBuf {
    directory.join(format!("{color}.sock"))
}

fn start() -> Sockets {
    let directory = tempfile::tempdir().expect("a directory");
    let make = |color: &str| {
        let target = Target::start(color);
        let socket = TargetSocket::start(&path(directory.path(), color), &target);
        (target, socket)
    };
    let (blue, green) = (make("blue"), make("green"));
    let settings = Settings::of_urls(&[&blue.1.url()], &[&green.1.url()]);
    let teal = Teal::start_healthy(TEAL, &settings);
    Sockets { teal, blue: (blue.0, Some(blue.1)), green: (green.0, Some(green.1)), directory }
}

#[test]
fn switches_between_sockets_lose_nothing() {
    // L1 L2 L4
    let setup = start();
    let load = Load::start(setup.teal.listener(), LoadOptions::default());
    switch_ten_times(&setup.teal, &load);
    load.stop().assert_nothing_lost();
    setup.teal.assert_books_balance();
    for target in [&setup.blue.0, &setup.green.0] {
        target.assert_well_formed();
        let hosts: Vec<_> = target
            .seen()
            .probes()
            .iter()
            .map(|seen| seen.fields.get("host").map(str::to_owned))
            .collect();
        assert!(hosts.iter().all(|host| host.as_deref() == Some("localhost")), "{hosts:?}");
    }
    let shown = setup.teal.color("blue")["targets"][0]["url"].clone();
    assert_eq!(shown, setup.blue.1.as_ref().expect("it is there").url());
}

#[test]
fn bodies_and_tunnels_pass_whole() {
    let setup = start();
    let blue = &setup.blue.0;
    let big = |chunked| Behavior::Download { bytes: 10_000_000, chunked, pause: Duration::ZERO };
    blue.behave_at("/big", big(false));
    blue.behave_at("/chunked", big(true));
    blue.behave_at("/ws", Behavior::WebSocket);
    let mut client = testkit::Client::connect(setup.teal.listener());
    for path in ["/big", "/chunked"] {
        assert_eq!(client.get(path).body.len(), 10_000_000, "{path}");
    }
    let body: Vec<u8> = (0..5_000_000u32).map(|n| (n % 251) as u8).collect();
    let expected = format!("blue POST /up {} {:016x}\n", body.len(), checksum(0, &body));
    assert_eq!(client.post("/up", &body).text(), expected);
    let mut socket = websocket(setup.teal.listener(), "/ws");
    socket.send(tungstenite::Message::text("hello")).expect("sent");
    assert_eq!(socket.read().expect("an echo"), tungstenite::Message::text("hello"));
    drop((client, socket));
    setup.teal.assert_books_balance();
}

#[test]
fn a_socket_without_a_listener_is_down_and_gets_no_traffic() {
    // L9
    let mut setup = start();
    setup.green.1 = None;
    let refused = setup.teal.switch("green", "");
    assert_eq!(refused.status, 412, "{}", refused.text());
    assert!(refused.text().contains("connection refused"), "{}", refused.text());
    setup.teal.wait_healthy("green", false);
    let green = TargetSocket::start(&path(setup.directory.path(), "green"), &setup.green.0);
    setup.teal.wait_healthy("green", true);
    setup.teal.switch_to("green");
    drop(green);
    wait_until(SOON, "502 without anybody there", || {
        testkit::Client::connect(setup.teal.listener()).get("/").status == 502
    });
    setup.teal.assert_books_balance();
}
