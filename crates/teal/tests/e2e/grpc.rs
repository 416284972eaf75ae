//! gRPC from end to end: a client that is not ours, and a server that is not ours, through switches.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use testkit::{GrpcTarget, Pki, SecureTarget, Settings, Teal, wait_until};

use crate::TEAL;
use crate::setup::SOON;

struct Setup {
    teal: Teal,
    blue: GrpcTarget,
    green: GrpcTarget,
}

impl Setup {
    fn with(adjust: impl FnOnce(Settings) -> Settings) -> Self {
        let (blue, green) = (GrpcTarget::start("blue"), GrpcTarget::start("green"));
        let settings = Settings::of_urls(&[&blue.url()], &[&green.url()])
            .listener_key("http2", "true")
            .service("health", GRPC_HEALTH);
        let teal = Teal::start_healthy(TEAL, &adjust(settings));
        Setup { teal, blue, green }
    }

    fn client(&self, does: &str) -> Client {
        Client::start(&[&self.teal.listener().to_string(), does])
    }
}

pub(crate) const GRPC_HEALTH: &str =
    "{ type = \"grpc\", interval = \"200ms\", fast_interval = \"50ms\", timeout = \"1s\" }";

/// A script of these tests, with grpcio at hand.
pub(crate) fn python(script: &str) -> Command {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/e2e");
    let libraries = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("../python");
    let mut command = Command::new("python3");
    command.arg(tests.join(script)).env("PYTHONPATH", libraries);
    command
}

/// A client of gRPC that does one thing.
pub(crate) struct Client {
    process: Child,
    orders: ChildStdin,
    said: BufReader<ChildStdout>,
}

impl Client {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut process = python("grpc_client.py")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is installed");
        let orders = process.stdin.take().expect("a pipe");
        let said = BufReader::new(process.stdout.take().expect("a pipe"));
        Client { process, orders, said }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }

    fn order(&mut self) {
        self.orders.write_all(b"\n").expect("it reads");
    }

    /// Whatever it says until its end, which is a good one.
    pub(crate) fn rest(mut self) -> Vec<String> {
        let lines = std::iter::from_fn(|| Some(self.line()).filter(|line| !line.is_empty()));
        let lines = lines.collect();
        assert!(self.process.wait().expect("it ends").success(), "{lines:?}");
        lines
    }
}

fn expected(name: &str) -> Vec<String> {
    vec![
        format!("{name}:a"),
        vec![format!("{name}:b"); 5].join(" "),
        format!("{name}:cd"),
        format!("{name}:e {name}:f"),
        (3_000_000 + name.len() + 1).to_string(),
        "ABORTED as asked".to_owned(),
        "UNIMPLEMENTED no such method".to_owned(),
    ]
}

#[test]
fn all_four_kinds_of_calls_and_their_errors_pass() {
    let setup = Setup::with(|settings| settings);
    assert_eq!(setup.client("kinds").rest(), expected("blue"));
    setup.teal.switch_to("green");
    assert_eq!(setup.client("kinds").rest(), expected("green"));
    setup.teal.assert_books_balance();
}

#[test]
fn calls_through_switches_all_succeed_and_a_stream_stays_where_it_is() {
    // L1 L2 L3 L4
    let setup = Setup::with(|settings| settings.drain("20s"));
    let mut load = setup.client("load");
    assert_eq!(load.line(), "begun");
    let mut stream = setup.client("hold");
    assert_eq!(stream.line(), "blue:first");
    assert_eq!(setup.teal.switch("green", "&wait=published").status, 200);
    stream.order();
    assert_eq!(stream.line(), "blue:last");
    assert_eq!(stream.rest(), ["0"]);
    for to in ["blue", "green"].into_iter().cycle().take(10) {
        let (now, retired) =
            if to == "green" { (&setup.green, &setup.blue) } else { (&setup.blue, &setup.green) };
        assert_eq!(setup.teal.switch(to, "").status, 200);
        let (drained, before) = (retired.calls(), now.calls());
        wait_until(SOON, "the new color is called", || now.calls() > before + 20);
        assert_eq!(retired.calls(), drained, "nothing came after it was drained");
    }
    load.order();
    let said = load.rest().remove(0);
    assert!(said.ends_with(" []"), "{said}");
    setup.teal.assert_books_balance();
}

#[test]
fn the_health_check_of_grpc_decides() {
    // L9
    let setup = Setup::with(|settings| settings);
    setup.green.serve(false);
    setup.teal.wait_healthy("green", false);
    let refused = setup.teal.switch("green", "");
    assert_eq!(refused.status, 412, "{}", refused.text());
    assert!(refused.text().contains("gRPC: it is not serving"), "{}", refused.text());
    setup.green.serve(true);
    setup.teal.wait_healthy("green", true);
    setup.teal.switch_to("green");
    // A service by its name.
    let (known, unknown) = (GRPC_HEALTH.replace('}', ", path = \"/test.Echo\" }"), "/other.Echo");
    let settings = |health: &str| {
        Settings::of_urls(&[&setup.blue.url()], &[&setup.green.url()])
            .listener_key("http2", "true")
            .service("health", health)
    };
    let teal = Teal::start_healthy(TEAL, &settings(&known));
    teal.write_settings(&settings(&known.replace("/test.Echo", unknown)));
    assert_eq!(teal.ask("POST", "/admin/reload", &[]).status, 200);
    teal.wait_healthy("green", false);
    let refused = teal.switch("green", "");
    assert!(refused.text().contains("it knows no service of this name"), "{}", refused.text());
}

#[test]
fn over_tls_at_both_ends_http_2_is_chosen_in_the_handshake() {
    let directory = tempfile::tempdir().expect("a directory");
    let pki = Pki::new(directory.path());
    let pair = pki.issue("both", &["localhost"]);
    let (blue, green) = (GrpcTarget::start("blue"), GrpcTarget::start("green"));
    let fronts = [&blue, &green].map(|target| SecureTarget::start_http2(target.address(), &pair));
    let color = |front: &SecureTarget| {
        let (url, ca) = (front.url(), pki.ca());
        format!("{{ targets = [\"{url}\"], tls = {{ ca = '{}' }} }}", ca.display())
    };
    let settings = Settings::of_urls(&[&fronts[0].url()], &[&fronts[1].url()])
        .service("blue", &color(&fronts[0]))
        .service("green", &color(&fronts[1]))
        .service("health", GRPC_HEALTH)
        .listener_key("tls", "true")
        .extra(&format!(
            "[[certificate]]\ncert = '{}'\nkey = '{}'\n",
            pair.cert.display(),
            pair.key.display()
        ));
    let teal = Teal::start_healthy(TEAL, &settings);
    let address = format!("localhost:{}", teal.listener().port());
    let ca = pki.ca().display().to_string();
    let kinds = || Client::start(&[&address, "kinds", &ca]).rest();
    assert_eq!(kinds(), expected("blue"));
    assert_eq!(kinds(), expected("blue"));
    let of_blue = [("color", "blue"), ("result", "ok")];
    let connects = teal.metrics().count("teal_target_connects_total", &of_blue);
    assert!(connects <= 4, "{connects} connections: calls share them");
    teal.switch_to("green");
    assert_eq!(kinds(), expected("green"));
    teal.assert_books_balance();
}

#[test]
fn a_server_that_goes_away_is_an_error_that_the_client_understands() {
    // L8
    let mut setup = Setup::with(|settings| settings);
    let mut stream = setup.client("hold");
    assert_eq!(stream.line(), "blue:first");
    setup.blue.stop();
    stream.order();
    let status = stream.process.wait().expect("it ends");
    assert!(!status.success(), "the stream can't end well");
    setup.teal.switch_to("green");
    assert_eq!(setup.client("kinds").rest(), expected("green"));
    assert_eq!(setup.teal.stop(Duration::from_secs(20)), Some(0));
}
