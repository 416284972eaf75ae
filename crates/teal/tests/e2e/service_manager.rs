//! A service manager around Teal: sockets that it hands over outlive a restart, and it is notified when
//! Teal is ready, reads its configuration again, and stops.

use std::io;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use testkit::{Load, LoadOptions, Settings, Target, Teal};

use crate::TEAL;
use crate::setup::SOON;

const STOP: Duration = Duration::from_secs(20);

/// The next notification to the manager.
fn told(socket: &UnixDatagram) -> String {
    let mut room = [0; 512];
    socket.set_read_timeout(Some(SOON)).expect("a timeout");
    let count = socket.recv(&mut room).expect("a notification");
    String::from_utf8_lossy(&room[..count]).into_owned()
}

#[test]
fn the_manager_is_notified_that_teal_is_ready_reloads_and_stops() {
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("notify");
    let hidden = format!("teal-test-{}", std::process::id());
    let by_path = UnixDatagram::bind(&path).expect("a socket");
    let address = SocketAddr::from_abstract_name(&hidden).expect("a name");
    let by_name = UnixDatagram::bind_addr(&address).expect("a socket");
    for (name, socket) in [(path.display().to_string(), by_path), (format!("@{hidden}"), by_name)] {
        let mut teal = Teal::prepare(TEAL, &Settings::new(&blue, &green));
        teal.spawn_as_service(&[("NOTIFY_SOCKET", &name)], None);
        let said = told(&socket);
        let pid = teal.pid();
        let version = env!("CARGO_PKG_VERSION");
        let ready = format!("READY=1\nSTATUS=Teal {version} serves as process {pid}");
        assert_eq!(said, ready);
        teal.wait_ready(); // and it is
        teal.signal(Signal::HUP);
        let reloading = told(&socket);
        let micros = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").map(str::parse::<u64>);
        assert!(micros.is_some_and(|micros| micros.is_ok()), "{reloading}");
        assert_eq!(told(&socket), "READY=1");
        teal.signal(Signal::TERM);
        assert_eq!(told(&socket), "STOPPING=1");
        assert_eq!(teal.wait_exit(STOP), Some(0));
    }
}

#[test]
fn a_socket_that_was_handed_over_outlives_restarts_and_no_connection_is_refused() {
    // L7
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = socket.local_addr().expect("bound");
    let settings = Settings::new(&blue, &green).listener(&address.to_string());
    let mut teal = Teal::prepare(TEAL, &settings);
    teal.spawn_as_service(&[], Some(&socket));
    teal.wait_ready();
    assert_eq!(teal.listener(), address);
    let load = Load::start(address, LoadOptions::default());
    for _ in 0..5 {
        load.wait_for_more(50);
        teal.signal(Signal::TERM);
        assert_eq!(teal.wait_exit(STOP), Some(0));
        teal.spawn_as_service(&[], Some(&socket));
        teal.wait_ready();
    }
    load.stop().assert_nothing_lost();
    teal.assert_books_balance();
}

#[test]
fn sockets_for_another_process_or_of_another_kind_are_not_taken() {
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    let settings = Settings::new(&blue, &green);
    let mut teal = Teal::prepare(TEAL, &settings);
    teal.spawn_as_service(&[], Some(&socket));
    teal.wait_ready();
    let address = socket.local_addr().expect("bound");
    teal.log_has(&[&format!("a socket for {address} was handed over, but no listener has this")]);
    assert_eq!(teal.stop(STOP), Some(0));

    // The variables of a parent, and more descriptors than there are.
    let own = [("LISTEN_PID", "1"), ("LISTEN_FDS", "1")];
    teal.spawn_as_service(&own, None);
    teal.wait_ready();
    assert!(!teal.log().contains("handed over"), "{}", teal.log());
    socket.set_nonblocking(true).expect("a socket");
    let nobody = socket.accept().map(drop).map_err(|error| error.kind());
    assert_eq!(nobody, Err(io::ErrorKind::WouldBlock));
    let began = Instant::now();
    assert_eq!(teal.stop(STOP), Some(0));
    assert!(began.elapsed() < STOP);
}

#[test]
fn r64_the_admin_socket_is_in_the_runtime_directory_and_found_there() {
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let mut teal = Teal::prepare(TEAL, &Settings::new(&blue, &green));
    let directory = tempfile::tempdir().expect("a directory");
    let runtime = directory.path().join("run");
    std::fs::create_dir(&runtime).expect("a directory");
    let both = format!("{}:/nowhere", runtime.display());
    teal.spawn_as_service(&[("RUNTIME_DIRECTORY", &both)], None);
    teal.wait_ready();
    assert!(runtime.join("admin.sock").exists());
    assert!(!teal.state_dir().join("admin.sock").exists());
    let state = directory.path().display().to_string();
    let around = [("RUNTIME_DIRECTORY", &*both), ("STATE_DIRECTORY", &*state)];
    teal.cli_bare(&["status"], &around).assert_code(0);
    teal.cli_bare(&["reload"], &around).assert_code(0);
    assert_eq!(teal.stop(STOP), Some(0));

    // A path that no socket can have is refused with what to do.
    let long = directory.path().join("x".repeat(120)).display().to_string();
    teal.spawn_as_service(&[("RUNTIME_DIRECTORY", &long)], None);
    assert_eq!(teal.wait_exit(STOP), Some(2));
    assert!(teal.log().contains("choose a shorter directory"), "{}", teal.log());
    let named = teal.cli_bare(&["status", "--admin", &format!("unix:{long}/admin.sock")], &[]);
    assert_eq!(named.code, Some(2), "{}", named.all());
    assert!(named.all().contains("a Unix socket may have 107"), "{}", named.all());
}

#[test]
fn r63_two_sockets_and_an_unusable_one_are_distinguished_by_their_names() {
    // L7
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = socket.local_addr().expect("bound");
    let mut teal =
        Teal::prepare(TEAL, &Settings::new(&blue, &green).listener(&address.to_string()));
    // A file as descriptor 4, and nothing as 5.
    let variables = [("LISTEN_FDNAMES", "web:file:nothing")];
    teal.spawn_as_service_with(
        &variables,
        Some(&socket),
        "exec 4</dev/null; export LISTEN_FDS=3; ",
    );
    teal.wait_ready();
    assert_eq!(teal.listener(), address);
    teal.log_has(&["descriptor 4 (file)", "is not a socket", "ListenStream="]);
    teal.log_has(&["LISTEN_FDS is 3, but descriptor 5 (nothing) is not open"]);
    // The serving Teal sees nothing of it, nor do those that it starts.
    let environment = std::fs::read(format!("/proc/{}/environ", teal.pid())).expect("its own");
    assert!(!String::from_utf8_lossy(&environment).contains("LISTEN_"));
    teal.upgrade();
    assert_eq!(testkit::Client::connect(address).get("/").status, 200);
    assert_eq!(teal.stop(STOP), Some(0));
}

#[test]
fn r73_the_watchdog_is_fed_at_half_its_interval_while_teal_serves() {
    // L10
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    let mut teal = Teal::prepare(TEAL, &Settings::new(&blue, &green));
    let variables = [("NOTIFY_SOCKET", &*path.display().to_string()), ("WATCHDOG_USEC", "1000000")];
    teal.spawn_as_service(&variables, None);
    teal.wait_ready();
    let feeds = |within: Duration| {
        socket.set_read_timeout(Some(within)).expect("a timeout");
        let mut room = [0; 512];
        let began = Instant::now();
        while began.elapsed() < within {
            match socket.recv(&mut room) {
                Ok(count) if &room[..count] == b"WATCHDOG=1" => return true,
                Ok(_) => {}
                Err(_) => return false,
            }
        }
        false
    };
    (0..4).for_each(|_| assert!(feeds(SOON), "it is fed"));
    let serving = teal.pid();
    testkit::signal_process(serving, Signal::STOP);
    feeds(Duration::from_millis(900)); // one that was under way
    assert!(!feeds(Duration::from_millis(1_600)), "a frozen Teal is reported as alive");
    testkit::signal_process(serving, Signal::CONT);
    assert!(feeds(SOON));
    assert_eq!(teal.stop(STOP), Some(0));
}
