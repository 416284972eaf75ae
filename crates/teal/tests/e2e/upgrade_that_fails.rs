//! A newer Teal that can't take over, whatever the reason: the older one goes on, or takes everything
//! back, and says why.

use std::io::{IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
    sendmsg, socketpair,
};
use testkit::{
    Behavior, Client, Load, LoadOptions, Settings, Target, Teal, tungstenite, wait_for, wait_until,
    websocket,
};

use crate::TEAL;
use crate::setup::{SOON, Setup};
use crate::upgrade::{LEFT, other};

#[test]
fn a_newer_one_that_dies_at_once_is_replaced_by_the_older_one() {
    // L6 L7
    let mut setup = Setup::new();
    let first = setup.teal.pid();
    setup.teal.upgrade();
    assert_eq!(setup.teal.switch("green", "&wait_healthy=10s").status, 200);
    let generation = setup.teal.generation();
    setup.teal.kill_serving();
    let back = wait_for(SOON, "the older one is asked again", || {
        setup.teal.try_ask("GET", "/livez", &[]).ok()
    });
    assert_eq!((back.status, setup.teal.pid()), (200, first));
    assert_eq!((setup.who(), setup.teal.generation()), ("green".to_owned(), generation));
    setup.teal.log_has(&["ERROR", "this one serves again"]);
    // And it decides again.
    assert_eq!(setup.teal.switch("blue", "&wait_healthy=10s").status, 200);
    assert_eq!(setup.who(), "blue");
    setup.teal.upgrade();
    assert_eq!((setup.who(), setup.teal.generation()), ("blue".to_owned(), generation + 1));
    setup.finish();
}

/// Asks for an upgrade to this program under load; it fails, and this is why.
pub(crate) fn fails(setup: &mut Setup, program: &str, within: Duration) -> String {
    fails_after(setup, program, within, || ())
}

/// The same, once this has happened to what the configuration names.
fn fails_after(
    setup: &mut Setup,
    program: &str,
    within: Duration,
    change: impl FnOnce(),
) -> String {
    let binary = format!("[upgrade]\nbinary = '{program}'");
    setup.teal.write_settings(&setup.settings().extra(&binary));
    assert_eq!(setup.teal.ask("POST", "/admin/reload", &[]).status, 200);
    change();
    let (pid, generation) = (setup.teal.pid(), setup.teal.generation());
    let load = Load::start(setup.teal.listener(), LoadOptions::default());
    let asked = Instant::now();
    let answer = setup.teal.try_upgrade();
    assert!(asked.elapsed() < within, "{:?}", asked.elapsed());
    load.wait_for_more(50);
    load.stop().assert_nothing_lost();
    assert_eq!(answer.status, 500, "{}", answer.text());
    assert_eq!((setup.teal.pid(), setup.teal.generation()), (pid, generation));
    assert_eq!(setup.teal.processes(), 1, "nothing of it is left");
    // All goes on, and can be changed.
    let new = other(&setup.teal.active());
    setup.teal.switch_to(new);
    assert_eq!(setup.who(), new);
    answer.text()
}

#[test]
fn whatever_is_wrong_with_the_newer_one_the_older_one_keeps_serving() {
    // L6 L7 L10
    let mut setup = Setup::new();
    let directory = tempfile::tempdir().expect("a directory");
    let script = |text: &str| Teal::script(directory.path(), text);
    let why = fails(&mut setup, &script("exit 3\n"), SOON);
    assert!(why.contains("without an answer") && why.contains("exit status: 3"), "{why}");
    let why = fails(&mut setup, &script("exec sleep 60\n"), Duration::from_secs(20));
    assert!(why.contains("did not answer within 10s"), "{why}");
    let why = fails(&mut setup, &script(&format!("exec {TEAL} run --lisen x\n")), SOON);
    assert!(why.contains("exit status: 2"), "{why}");
    let gone = script("exit 0\n");
    let why = fails_after(&mut setup, &gone, SOON, || {
        std::fs::remove_file(&gone).expect("it was there");
    });
    assert!(why.contains(&format!("cannot start {gone}")), "{why}");
    // It dies in the middle of the hand-over.
    let late = script(&format!("(sleep 0.004; kill -9 $$) <&- &\nexec {TEAL} \"$@\"\n"));
    fails(&mut setup, &late, Duration::from_secs(20));
    // Another process than the one that was started would be killed, and live on.
    let around = script(&format!("exec 9<&0\n{TEAL} \"$@\" <&9 &\nwait\n"));
    let why = fails(&mut setup, &around, SOON);
    assert!(why.contains("exec teal"), "{why}");
    setup.finish();
}

#[test]
fn a_start_that_fails_late_with_more_workers_loses_no_new_connection() {
    // L7
    let mut setup = Setup::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("bound").to_string();
    let settings = setup.settings().top("workers", "8");
    setup.teal.write_settings(&settings.admin("listen", &format!("\"{address}\"")));
    let (at, stop) = (setup.teal.listener(), Arc::new(AtomicBool::new(false)));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let stop = stop.clone();
            thread::spawn(move || {
                while !stop.load(Ordering::Acquire) {
                    assert_eq!(Client::connect(at).get("/").status, 200);
                }
            })
        })
        .collect();
    for _ in 0..10 {
        let text = setup.teal.try_upgrade().text();
        assert!(text.contains(&address), "{text}");
    }
    stop.store(true, Ordering::Release);
    for client in clients {
        client.join().expect("every connection was answered");
    }
    setup.finish();
}

#[test]
fn r60_a_newer_one_that_dies_after_its_trial_is_started_again_at_once() {
    // L6 L7
    let mut setup = Setup::new();
    let address = setup.teal.listener();
    setup.blue.behave_at("/ws", Behavior::WebSocket);
    let mut tunnel = websocket(address, "/ws");
    // The newer one has another listener; nobody serves the old one.
    setup.teal.write_settings(&setup.settings().listener("127.0.0.2:0"));
    setup.teal.upgrade();
    let moved: SocketAddr =
        setup.teal.status()["listeners"][0].as_str().and_then(|at| at.parse().ok()).expect("one");
    wait_until(LEFT, "the trial is over", || setup.teal.log().contains("leaving: finishing open"));
    let killed = setup.teal.kill_serving();
    // Not one is refused: a client that connects meanwhile waits.
    assert_eq!(Client::connect(moved).get("/").fields.get("x-target"), Some("blue"));
    assert_ne!(setup.teal.wait_revived(killed), killed);
    setup.teal.log_has(&["was killed by signal 9", "this one serves in its place"]);
    setup.teal.log_has(&["the newer Teal has gone"]);
    tunnel.send(tungstenite::Message::text("still here")).expect("the tunnel is open");
    assert_eq!(tunnel.read().expect("an echo").to_text().ok(), Some("still here"));
    // Nobody keeps what nobody serves any more.
    TcpListener::bind(address).expect("the old address is free");
    assert_eq!(setup.teal.processes(), 2, "the oldest still has a tunnel");
    drop(tunnel);
    setup.teal.wait_alone(LEFT);
}

#[test]
fn a_broken_configuration_is_reported_and_changes_nothing() {
    let mut setup = Setup::new();
    setup.teal.write_config("listner = 3\n");
    let answer = setup.teal.try_upgrade();
    let text = answer.text();
    assert_eq!(answer.status, 500, "{text}");
    assert!(text.contains("listner") && text.contains("upgrade_failed"), "{text}");
    let told = setup.teal.cli(&["upgrade"]);
    told.assert_code(1);
    assert!(told.all().contains("this one goes on as before"), "{}", told.all());
    // A listener that can't be bound shows only once all was handed over.
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("bound").to_string();
    setup.teal.write_settings(&setup.settings().listener(&address));
    let text = setup.teal.try_upgrade().text();
    assert!(text.contains(&address) && text.contains("another program is using it"), "{text}");
    // Another state directory would begin anew.
    let moved = setup.settings().to_toml(&setup.teal.state_dir().with_file_name("other"));
    setup.teal.write_config(&moved);
    let text = setup.teal.try_upgrade().text();
    assert!(text.contains("an upgrade does not move state"), "{text}");
    setup.teal.write_settings(&setup.settings());
    setup.teal.upgrade();
    assert_eq!(setup.who(), "blue");
    setup.finish();
}

/// Starts the newer part against a made-up parent and a made-up older one; what it answers to this
/// offer.
fn newer_answers(offer: &str, config: &Path) -> (String, Option<i32>) {
    let (mut ours, theirs) = UnixStream::pair().expect("a pair of sockets");
    let flags = SocketFlags::CLOEXEC;
    let (parent, control) =
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).expect("a pair");
    let mut child = Command::new(TEAL)
        .args(["run", "--config"])
        .arg(config)
        .env("TEAL_PROCESS", "serving")
        .stdin(Stdio::from(control))
        .stderr(Stdio::null())
        .spawn()
        .expect("Teal can be started");
    let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut rights = SendAncillaryBuffer::new(&mut room);
    let passed = [theirs.as_fd()];
    assert!(rights.push(SendAncillaryMessage::ScmRights(&passed)));
    let order = [IoSlice::new(b"take-over\0of=a later version")];
    sendmsg(&parent, &order, &mut rights, SendFlags::empty()).expect("it listens");
    drop(theirs);
    let length = u32::try_from(offer.len()).expect("short").to_le_bytes();
    ours.write_all(&[&length, offer.as_bytes()].concat()).expect("it listens");
    ours.shutdown(std::net::Shutdown::Write).expect("a shutdown");
    ours.set_read_timeout(Some(SOON)).expect("a timeout");
    let mut answer = Vec::new();
    let _reset = ours.read_to_end(&mut answer);
    let code = child.wait().expect("it ends").code();
    (String::from_utf8_lossy(answer.get(4..).unwrap_or_default()).into_owned(), code)
}

#[test]
fn another_version_of_the_hand_over_and_an_invalid_one_are_refused() {
    let (blue, green) = (Target::stopped("blue"), Target::stopped("green"));
    let teal = Teal::prepare(TEAL, &Settings::new(&blue, &green));
    let state = teal.state_dir();
    let state = state.display();
    let offer =
        format!("{{\"protocol\":99,\"version\":\"9.9\",\"pid\":1,\"state_dir\":\"{state}\"}}");
    let (answer, code) = newer_answers(&offer, &teal.config());
    assert!(answer.contains("version 99 of the handover"), "{answer}");
    assert_eq!(code, Some(1));
    assert_eq!(newer_answers("what?", &teal.config()), (String::new(), Some(2)));
    assert!(!teal.state_dir().join("journal").exists(), "it has touched nothing");
}
