//! A name that Docker's own resolver answers for: a service of several containers, scaled up and down.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use std::{fs, path::Path};

use serde_json::Value;
use testkit::{Client, wait_until};

use crate::TEAL;
use crate::docker::{self, Docker};

const IMAGE: &str = "libraries";
const NET: &str = "net";

/// The longest that containers and what follows for Teal may take.
const SCALED: Duration = Duration::from_secs(20);

const CONFIG: &str = r#"
state_dir = "/etc/teal/state"

[[listener]]
address = "0.0.0.0:8080"

[[service]]
name = "web"
blue = { targets = ["http://app:8081"] }
green = { targets = ["http://other:8081"] }
health = { interval = "500ms", fast_interval = "50ms", timeout = "500ms" }
timeouts = { connect = "500ms" }
"#;

/// Starts a container of a program that is this one.
fn container(docker: &Docker, name: &str, alias: &str, more: &[&str], words: &[&str]) {
    let program = format!("{TEAL}:/teal:ro");
    let run = ["run", "-d", "-i", "--name", name, "--network", NET, "--network-alias", alias];
    docker.run(&[&run[..], &["-v", &*program], more, &[IMAGE, "/teal"], words].concat());
}

fn app(docker: &Docker, name: &str) {
    let words = ["demo-target", "--listen", "0.0.0.0:8081", "--version", name];
    container(docker, name, "app", &[], &words);
}

/// The targets of blue that get traffic, as the status of the Teal in this directory shows them.
fn used(directory: &Path) -> Vec<String> {
    let socket = format!("unix:{}", directory.join("state/admin.sock").display());
    let status =
        testkit::run(Path::new(TEAL), ["status", "--admin", &socket, "--json"], &[], SCALED);
    let status: Value = serde_json::from_str(&status.stdout).unwrap_or_default();
    let targets = status["services"][0]["colors"]["blue"]["targets"].as_array().cloned();
    let up = targets.unwrap_or_default().into_iter().filter(|target| {
        target["health"] == "up" && target["note"].is_null() && !target["address"].is_null()
    });
    up.map(|target| target["address"].to_string()).collect()
}

/// The container that answers one request on this connection; what is wrong if none does.
fn ask(client: &mut Client) -> Result<String, String> {
    client
        .try_send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
        .map_err(|error| format!("{error:?}"))?;
    let answer = client.read_answer(false).map_err(|error| format!("{error:?}"))?;
    let text = answer.text();
    let version = text.trim().strip_prefix("Teal demo target, version ").map(str::to_owned);
    version.filter(|_| answer.status == 200).ok_or_else(|| format!("{}: {text}", answer.status))
}

/// The answers by container, and what went wrong.
type Book = Arc<Mutex<(BTreeMap<String, u64>, Vec<String>)>>;

/// Keeps asking until told to stop.
fn keep_asking(teal: SocketAddr, stop: &AtomicBool, book: &Book) {
    let mut client = Client::connect(teal);
    while !stop.load(Ordering::Relaxed) {
        let answer = ask(&mut client);
        let mut book = book.lock().expect("no thread panics with it");
        match answer {
            Ok(name) => *book.0.entry(name).or_default() += 1,
            Err(wrong) => {
                book.1.push(wrong);
                client = Client::connect(teal);
            }
        }
        drop(book);
        thread::sleep(Duration::from_millis(2)); // the pace of the load
    }
}

#[test]
fn r67_a_service_of_containers_is_scaled_up_and_down_under_load() {
    // L4 L5
    if !docker::is_inside(
        module_path!(),
        "r67_a_service_of_containers_is_scaled_up_and_down_under_load",
    ) {
        return;
    }
    let (docker, directory) = (Docker::start(), tempfile::tempdir().expect("a directory"));
    docker.import_libraries_of(TEAL, IMAGE);
    docker.run(&["network", "create", NET]);
    for name in ["app1", "app2", "app3"] {
        app(&docker, name);
    }
    fs::write(directory.path().join("teal.toml"), CONFIG).expect("a file");
    let place = format!("{}:/etc/teal", directory.path().display());
    let run = ["run", "--config", "/etc/teal/teal.toml"];
    container(&docker, "teal", "teal", &["-v", &place], &run);
    let teal = format!("{}:8080", docker.address("teal", NET)).parse().expect("an address");
    wait_until(SCALED, "three targets", || used(directory.path()).len() == 3);

    let mut shares = BTreeMap::<String, u64>::new();
    for _ in 0..300 {
        *shares.entry(ask(&mut Client::connect(teal)).expect("an answer")).or_default() += 1;
    }
    assert!(shares.len() == 3 && shares.values().all(|share| *share > 50), "{shares:?}");

    let (stop, book) = (Arc::new(AtomicBool::new(false)), Book::default());
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (stop, book) = (stop.clone(), book.clone());
            thread::spawn(move || keep_asking(teal, &stop, &book))
        })
        .collect();
    let answered = |name: &str| {
        book.lock().expect("no thread panics with it").0.get(name).copied().unwrap_or_default()
    };
    for name in ["app4", "app5"] {
        app(&docker, name);
    }
    wait_until(SCALED, "five targets", || used(directory.path()).len() == 5);
    wait_until(SCALED, "each with its share", || {
        ["app1", "app2", "app3", "app4", "app5"].iter().all(|name| answered(name) > 20)
    });
    docker.run(&["stop", "-t", "5", "app1", "app2"]);
    wait_until(SCALED, "three targets", || used(directory.path()).len() == 3);
    let before = answered("app5");
    wait_until(SCALED, "which go on", || answered("app5") > before + 50);
    stop.store(true, Ordering::Relaxed);
    for thread in threads {
        thread.join().expect("no panic");
    }
    let lost = &book.lock().expect("no thread panics with it").1;
    assert!(lost.is_empty(), "{lost:?}\n{}", docker.run(&["logs", "teal"]));
}
