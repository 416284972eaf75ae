//! `teal drill URL --switch COMMAND`: any proxy, tried by the end of its command.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use testkit::{CliResult, Settings, Target, Teal, free_address};

use crate::TEAL;

/// Two addresses for the drill's own targets.
fn addresses() -> [SocketAddr; 2] {
    [free_address(), free_address()]
}

/// A Teal in front of these addresses, where nobody listens yet.
fn proxy(addresses: [SocketAddr; 2]) -> Teal {
    let [blue, green] = addresses.map(|address| format!("http://{address}"));
    Teal::start(TEAL, &Settings::of_urls(&[&blue], &[&green]))
}

fn drill(teal: &Teal, [blue, green]: [SocketAddr; 2], switch: &str, more: &[&str]) -> CliResult {
    let (url, blue) = (format!("http://{}/", teal.listener()), blue.to_string());
    let green = green.to_string();
    let mut arguments = vec!["drill", &url, "--blue", &blue, "--green", &green];
    arguments.extend(["--switch", switch, "--time", "4s", "--switches", "4", "--json"]);
    arguments.extend(["--connections", "8", "--rate", "800"]);
    arguments.extend(more);
    testkit::run(TEAL.as_ref(), &arguments, &[], Duration::from_secs(60))
}

fn switch_by_teal(teal: &Teal) -> String {
    let (program, socket) = (Path::new(TEAL).display(), teal.state_dir().join("admin.sock"));
    format!("{program} switch {{to}} --wait-healthy 10s --admin unix:{}", socket.display())
}

fn report(result: &CliResult) -> serde_json::Value {
    serde_json::from_str(&result.stdout).expect(&result.stdout)
}

#[test]
fn a_proxy_that_says_done_when_it_is_done_loses_nothing() {
    // L2 L4: the old target is killed in the instant when the command returns.
    let addresses = addresses();
    let teal = proxy(addresses);
    for more in [&[][..], &["--open"]] {
        let result = drill(&teal, addresses, &switch_by_teal(&teal), more);
        result.assert_code(0);
        let report = report(&result);
        assert_eq!((&report["lost"], &report["switches"]), (&0.into(), &4.into()), "{report}");
        assert_eq!((&report["seen"]["late"], &report["seen"]["doubled"]), (&0.into(), &0.into()));
        assert!(report["sent"].as_u64() > Some(500), "{report}");
        assert!(report["answered"]["green"].as_u64() > Some(100), "{report}");
    }
    teal.assert_books_balance();
}

#[test]
fn a_proxy_that_says_done_too_early_is_found_out() {
    let addresses = addresses();
    let teal = proxy(addresses);
    // It says that it has switched, and has not.
    let result = drill(&teal, addresses, "true {to}", &[]);
    result.assert_code(1);
    let report = report(&result);
    assert!(report["lost"].as_u64() > Some(0), "{report}");
    assert!(report["seen"]["late"].as_u64() > Some(0), "{report}");
}

#[test]
fn the_users_own_targets_are_ended_and_started_by_commands() {
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let teal = Teal::start_healthy(TEAL, &Settings::new(&blue, &green));
    let log = teal.state_dir().join("commands");
    let noted = |what: &str| format!("echo {what} {{color}} >> {}", log.display());
    let url = format!("http://{}/page", teal.listener());
    let (stop, start, switch) = (noted("stop"), noted("start"), switch_by_teal(&teal));
    let arguments = ["drill", &url, "--switch", &switch, "--stop", &stop].into_iter().chain([
        "--start",
        &start,
        "--time",
        "2s",
        "--switches",
        "2",
        "--connections",
        "4",
    ]);
    let arguments: Vec<&str> = arguments.collect();
    let result = testkit::run(TEAL.as_ref(), &arguments, &[], Duration::from_secs(60));
    result.assert_code(0);
    let done = std::fs::read_to_string(&log).expect("the commands ran");
    assert_eq!(done, "stop blue\nstart blue\nstop green\nstart green\n");
    assert!(result.stdout.contains("switches took"), "{}", result.all());
}

#[test]
fn an_impossible_trial_is_refused_with_a_correction() {
    let addresses = addresses();
    let teal = proxy(addresses);
    let failing = drill(&teal, addresses, "echo no color {to} here >&2; exit 7", &[]);
    failing.assert_code(1);
    for words in ["no color blue here", "exit status: 7"] {
        assert!(failing.all().contains(words), "{words} is missing in {}", failing.all());
    }
    let placeless = drill(&teal, addresses, "true", &[]);
    placeless.assert_code(2);
    assert!(placeless.all().contains("{to}"), "{}", placeless.all());
    let alone =
        testkit::run(TEAL.as_ref(), ["drill", "--switch", "x {to}"], &[], Duration::from_secs(9));
    alone.assert_code(2);
}

#[test]
fn a_taken_address_is_named_with_a_remedy_before_anything_starts() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let [blue, _] = addresses();
    let green = taken.local_addr().expect("its address");
    let teal = proxy([blue, green]);
    let result = drill(&teal, [blue, green], "exit 1 {to}", &[]);
    result.assert_code(1);
    let said = format!("cannot listen on {green} for the drill's own green target: ");
    assert!(result.all().contains(&said), "{}", result.all());
    for words in ["--green", "--stop and --start"] {
        assert!(result.all().contains(words), "{words}: {}", result.all());
    }
}
