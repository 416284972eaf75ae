//! gRPC as grpcio speaks it at both ends: metadata in heads and trailers, and streams that are silent.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};

use testkit::{GrpcTarget, Settings, Target, Teal};

use crate::TEAL;
use crate::grpc::{Client, GRPC_HEALTH, python};

/// A server of grpcio, until it is dropped.
struct Server {
    process: Child,
    /// It ends with this.
    orders: Option<ChildStdin>,
    url: String,
}

impl Server {
    fn start() -> Self {
        let mut command: Command = python("grpc_server.py");
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut process = spawned.expect("python3 is installed");
        let mut line = String::new();
        let said = process.stdout.take().expect("a pipe");
        BufReader::new(said).read_line(&mut line).expect("its port");
        let orders = process.stdin.take();
        Server { process, orders, url: format!("h2c://127.0.0.1:{}", line.trim()) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.orders.take());
        let _ended = self.process.wait();
    }
}

fn teal(blue: &Server, adjust: impl FnOnce(Settings) -> Settings) -> Teal {
    let settings = Settings::of_urls(&[&blue.url], &["h2c://127.0.0.1:1"])
        .listener_key("http2", "true")
        .service("health", GRPC_HEALTH);
    let teal = Teal::start(TEAL, &adjust(settings));
    teal.wait_healthy("blue", true);
    teal
}

#[test]
fn r17_r18_metadata_passes_both_ways_whatever_its_names_and_size() {
    let blue = Server::start();
    let teal = teal(&blue, |settings| settings);
    let said = Client::start(&[&teal.listener().to_string(), "metadata"]).rest();
    assert_eq!(said, ["told 7 7 0 0", "told 7 7 9000 0", "told 7 7 0 60", "told 7 7 25000 90"]);
    teal.assert_books_balance();
}

/// The names of the fields by which an unknown method is refused, without those that a proxy adds.
fn refusal(address: &str) -> BTreeSet<String> {
    let url = format!("http://{address}/unknown.Service/Method");
    let fields = ["-H", "content-type: application/grpc", "-H", "te: trailers"];
    let asks = ["-sS", "--max-time", "10", "--http2-prior-knowledge", "-i", "-X", "POST"];
    let frame = ["--data-binary", "@-", &url];
    let said =
        Command::new("curl").args(asks).args(fields).args(frame).stdin(Stdio::null()).output();
    let said = String::from_utf8(said.expect("curl is installed").stdout).expect("text");
    let names = said.lines().skip(1).filter_map(|line| Some(line.split_once(':')?.0.to_owned()));
    names.filter(|name| !["via", "date", "x-request-id"].contains(&&**name)).collect()
}

#[test]
fn an_answer_of_trailers_alone_gets_no_length() {
    let (grpcio, tonic) = (Server::start(), GrpcTarget::start("blue"));
    for url in [grpcio.url.clone(), tonic.url()] {
        let teal = Teal::start(
            TEAL,
            &Settings::of_urls(&[&url], &["h2c://127.0.0.1:1"])
                .listener_key("http2", "true")
                .service("health", GRPC_HEALTH),
        );
        teal.wait_healthy("blue", true);
        let mut own = refusal(url.trim_start_matches("h2c://"));
        own.remove("content-length"); // which hyper writes, and the protocol does not know
        assert!(own.contains("grpc-status"), "{own:?}");
        assert_eq!(refusal(&teal.listener().to_string()), own, "{url}");
        teal.assert_books_balance();
    }
}

#[test]
fn r17_the_treatment_of_underscores_is_a_key_of_the_service() {
    let blue = Server::start();
    let teal = teal(&blue, |settings| settings.service("underscores", "\"drop\""));
    let said = Client::start(&[&teal.listener().to_string(), "metadata"]).rest();
    assert_eq!(said[0], "told none none 0 0");
    // Towards HTTP/1.1, where applications behind CGI are, they are dropped unless they are kept.
    for (key, line) in [("\"auto\"", None), ("\"keep\"", Some("7")), ("\"drop\"", None)] {
        let (plain, green) = (Target::start("blue"), Target::start("green"));
        let settings = Settings::new(&plain, &green).service("underscores", key);
        let teal = Teal::start_healthy(TEAL, &settings);
        let mut client = testkit::Client::connect(teal.listener());
        client.send(
            "GET /a HTTP/1.1\r\nHost: test\r\nuser_id: 7\r\nX_Forwarded_For: 1.2.3.4\r\n\r\n",
        );
        assert_eq!(client.answer().status, 200);
        let seen = plain.seen().requests_to("/a").pop().expect("a request");
        assert_eq!(seen.fields.get("user_id"), line, "{key}");
        assert_eq!(seen.fields.get("x_forwarded_for"), None, "{key}");
        teal.assert_books_balance();
    }
}

#[test]
fn r18_a_stream_that_is_silent_before_its_first_message_is_silent_within_its_answer() {
    // L10
    let blue = Server::start();
    let timeouts = "response_head = \"500ms\", response_idle = \"10s\"";
    let teal = teal(&blue, |settings| settings.timeouts(timeouts));
    let said = Client::start(&[&teal.listener().to_string(), "silent"]).rest();
    assert_eq!(said, ["late", "late"]);
    teal.assert_books_balance();
}

#[test]
fn r18_a_silence_longer_than_response_idle_is_cut() {
    // L10
    let blue = Server::start();
    let timeouts = "response_head = \"300ms\", response_idle = \"600ms\"";
    let teal = teal(&blue, |settings| settings.timeouts(timeouts));
    let said = Client::start(&[&teal.listener().to_string(), "silent"]).rest();
    assert!(said.iter().all(|line| line.starts_with("UNAVAILABLE")), "{said:?}");
    teal.assert_books_balance();
}
