//! Calls to a running Teal: over the admin API, and over the command line.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use super::{Metrics, Teal};
use crate::client::Client;
use crate::exe::{self, CliResult};
use crate::message::Response;
use crate::wait::{wait_for_ok, wait_until};
use crate::wire::WireError;

const HEALTH_WITHIN: Duration = Duration::from_secs(10);
const BALANCED_WITHIN: Duration = Duration::from_secs(5);
const COMMAND_WITHIN: Duration = Duration::from_secs(60);

impl Teal {
    /// The token created at the first start.
    #[track_caller]
    pub fn token(&self) -> String {
        let path = self.state_dir().join("admin.token");
        fs::read_to_string(path).expect("the token is readable").trim().to_owned()
    }

    /// Sends one admin request with the token and further fields; panics without a whole answer.
    #[track_caller]
    pub fn ask(&self, method: &str, path: &str, fields: &[(&str, &str)]) -> Response {
        self.try_ask(method, path, fields).expect("a whole answer from the admin API")
    }

    /// The same, for a Teal that may not answer.
    pub fn try_ask(
        &self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Result<Response, WireError> {
        let mut client = Client::try_connect(self.admin()).map_err(|_| WireError::Closed)?;
        // Before its first start Teal has no token; reads need none on loopback.
        let token = fs::read_to_string(self.state_dir().join("admin.token")).unwrap_or_default();
        let authorization = format!("Bearer {}", token.trim());
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.admin());
        for (name, value) in fields.iter().chain(&[("Authorization", &*authorization)]) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("Connection: close\r\nContent-Length: 0\r\n\r\n");
        client = client.patience(COMMAND_WITHIN);
        client.try_send(head)?;
        client.read_answer(method == "HEAD")
    }

    /// Sends an admin request with a JSON body; the status and the JSON of the answer.
    #[track_caller]
    pub fn tell_json(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let (admin, token, body) = (self.admin(), self.token(), body.to_string());
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {admin}\r\nAuthorization: Bearer {token}\r\nAccept: \
             application/json\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        let mut client = Client::connect(admin).patience(COMMAND_WITHIN);
        client.send(request);
        let answer = client.read_answer(false).expect("a whole answer from the admin API");
        (answer.status, serde_json::from_slice(&answer.body).expect("the answer is JSON"))
    }

    /// The same with `Accept: application/json`; the status and the JSON.
    #[track_caller]
    pub fn ask_json(&self, method: &str, path: &str) -> (u16, Value) {
        let answer = self.ask(method, path, &[("Accept", "application/json")]);
        let json = serde_json::from_slice(&answer.body).expect("the answer is JSON");
        (answer.status, json)
    }

    /// `GET /admin/status` as JSON.
    #[track_caller]
    pub fn status(&self) -> Value {
        let (status, json) = self.ask_json("GET", "/admin/status");
        assert_eq!(status, 200, "{json}");
        json
    }

    /// The status of the first service.
    #[track_caller]
    pub fn service(&self) -> Value {
        self.status()["services"][0].clone()
    }

    /// The active color of the first service.
    #[track_caller]
    pub fn active(&self) -> String {
        self.service()["active"].as_str().expect("a service has an active color").to_owned()
    }

    /// The generation.
    #[track_caller]
    pub fn generation(&self) -> u64 {
        self.status()["generation"].as_u64().expect("the status has a generation")
    }

    /// A color of the first service.
    #[track_caller]
    pub fn color(&self, color: &str) -> Value {
        self.service()["colors"][color].clone()
    }

    /// Waits until the color would pass the gate, or would not.
    #[track_caller]
    pub fn wait_healthy(&self, color: &str, healthy: bool) {
        let what = format!("{color} is healthy: {healthy}");
        wait_until(HEALTH_WITHIN, &what, || self.color(color)["healthy"] == healthy);
    }

    /// Waits until this many requests are in flight on the color.
    #[track_caller]
    pub fn wait_in_flight(&self, color: &str, count: u64) {
        let what = format!("{count} in flight on {color}");
        wait_until(HEALTH_WITHIN, &what, || self.color(color)["in_flight"] == count);
    }

    /// `POST /admin/switch` in text with these further parameters.
    #[track_caller]
    pub fn switch(&self, color: &str, further: &str) -> Response {
        self.ask("POST", &format!("/admin/switch?to={color}{further}"), &[])
    }

    /// Switches and waits for the drain; panics unless it succeeded.
    #[track_caller]
    pub fn switch_to(&self, color: &str) {
        let answer = self.switch(color, "");
        assert_eq!(answer.status, 200, "switch to {color}: {}", answer.text());
    }

    /// The receipt of a generation.
    #[track_caller]
    pub fn receipt(&self, generation: u64) -> Value {
        let (status, json) = self.ask_json("GET", &format!("/admin/receipts/{generation}"));
        assert_eq!(status, 200, "{json}");
        json
    }

    /// One scrape of `/metrics`.
    #[track_caller]
    pub fn metrics(&self) -> Metrics {
        let answer = self.ask("GET", "/metrics", &[]);
        assert_eq!(answer.status, 200, "{}", answer.text());
        Metrics::parse(&answer.text())
    }

    /// Panics unless, once nothing is in flight, the books balance: L8.
    #[track_caller]
    pub fn assert_books_balance(&self) {
        wait_for_ok(BALANCED_WITHIN, "the books balance", || {
            self.metrics().imbalance().map_or(Ok(()), Err)
        });
    }

    /// Runs a verb of the command line against this Teal.
    #[track_caller]
    pub fn cli(&self, arguments: &[&str]) -> CliResult {
        let admin = format!("http://{}", self.admin());
        let token = self.state_dir().join("admin.token").display().to_string();
        let further = ["--admin", &admin, "--token-file", &token];
        let arguments = arguments.iter().chain(&further);
        exe::run(self.program(), arguments, &[], COMMAND_WITHIN)
    }

    /// Runs the command line with exactly these arguments and this environment.
    #[track_caller]
    pub fn cli_bare(&self, arguments: &[&str], environment: &[(&str, &str)]) -> CliResult {
        exe::run(self.program(), arguments, environment, COMMAND_WITHIN)
    }
}
