//! The Docker Engine behind its Unix socket: one request and its answer at a time, each within a deadline.
//!
//! Guaranteed: an answer that is missing, cut or not understood is never taken for one, and what the Engine refuses is
//! told from what is not known. The version of the API is negotiated, so that a newer or older Engine does what is
//! meant or is refused by name.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fetch::StreamingResponse;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::time::{Instant, timeout_at};

use crate::lines::line;

use super::release::agreed;
use super::trouble::Trouble;

/// The default socket of the Engine, which `DOCKER_HOST` overrides.
const SOCKET: &str = "/var/run/docker.sock";
/// The least and the most time that one question has. The last one may end after the deadline, so that a slow
/// container is told from an Engine that hangs.
const QUESTION: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(10));
/// The longest answer, in bytes.
const ANSWER_MAX: usize = 4 << 20;

/// The Engine, asked until a deadline.
#[derive(Debug)]
pub(super) struct Engine {
    socket: PathBuf,
    /// The prefix of every path.
    prefix: String,
    deadline: Instant,
}

#[derive(Debug, Deserialize)]
struct Explanation {
    message: String,
}

// === impl Engine ===

impl Engine {
    /// Agrees on a version with the Engine that `DOCKER_HOST` names.
    pub(super) async fn reach(host: Option<&str>, deadline: Instant) -> Result<Self, Trouble> {
        let socket = socket_of(host)?;
        let mut engine = Self { socket, prefix: String::new(), deadline };
        let versions = match engine.ask(Method::GET, "/version", engine.soon()).await {
            Err(Trouble::Refused { status, why, .. }) if status < 500 => {
                let socket = engine.socket.display();
                let why = format!("{socket} does not answer GET /version as Docker does: {why}");
                return Err(Trouble::Unusable(why));
            }
            other => understood("GET /version", &other?)?,
        };
        engine.prefix = format!("/v{}", agreed(&versions, &engine.socket)?);
        Ok(engine)
    }

    pub(super) fn is_late(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// The end of a question that the Engine can answer at once.
    pub(super) fn soon(&self) -> Instant {
        let left = self.deadline.saturating_duration_since(Instant::now());
        Instant::now() + left.clamp(QUESTION.0, QUESTION.1)
    }

    /// The end of an order that takes its time.
    pub(super) fn in_time(&self) -> Instant {
        self.deadline.max(Instant::now() + QUESTION.0)
    }

    /// Sends a request without a body, and returns the body of a good answer.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        until: Instant,
    ) -> Result<Bytes, Trouble> {
        self.send(method, path, None, until).await
    }

    /// Sends a request, perhaps with JSON, and returns the body of a good answer.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        json: Option<Vec<u8>>,
        until: Instant,
    ) -> Result<Bytes, Trouble> {
        let request = shown(&method, path);
        let answer = async {
            let response = self.begin(method, path, json).await?;
            let status = response.status();
            let whole = response.whole(ANSWER_MAX).await;
            let whole = whole.map_err(|error| self.cut(&request, &error))?;
            judged(&request, status, whole.into_body())
        };
        self.within(until, &request, answer).await
    }

    /// Asks a question and reads its answer.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Trouble> {
        let answer = self.ask(Method::GET, path, self.soon()).await?;
        understood(&shown(&Method::GET, path), &answer)
    }

    /// Sends a request and gives each piece of a good answer to `take` as it arrives.
    pub(super) async fn stream(
        &self,
        method: Method,
        path: &str,
        until: Instant,
        mut take: impl FnMut(&[u8]),
    ) -> Result<(), Trouble> {
        let request = shown(&method, path);
        let answer = async {
            let mut response = self.begin(method, path, None).await?;
            let status = response.status();
            if !is_good(status) {
                let whole = response.whole(ANSWER_MAX).await;
                let whole = whole.map_err(|error| self.cut(&request, &error))?;
                return judged(&request, status, whole.into_body()).map(drop);
            }
            while let Some(piece) = response.piece().await {
                take(&piece.map_err(|error| self.cut(&request, &error))?);
            }
            Ok(())
        };
        self.within(until, &request, answer).await
    }

    async fn within<T>(
        &self,
        until: Instant,
        request: &str,
        answer: impl Future<Output = Result<T, Trouble>>,
    ) -> Result<T, Trouble> {
        let patience = until.saturating_duration_since(Instant::now());
        timeout_at(until, answer).await.unwrap_or_else(|_| {
            let (socket, seconds) = (self.socket.display(), patience.as_secs_f64());
            Err(Trouble::Lost(format!(
                "Docker did not finish its answer to {request} within {seconds:.0} s ({socket})"
            )))
        })
    }

    /// Connects, sends, and waits for the head of the answer.
    async fn begin(
        &self,
        method: Method,
        path: &str,
        json: Option<Vec<u8>>,
    ) -> Result<StreamingResponse, Trouble> {
        let request = shown(&method, path);
        let stream = UnixStream::connect(&self.socket)
            .await
            .map_err(|error| no_connection(&self.socket, &error))?;
        let body = json.unwrap_or_default();
        let mut head = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.prefix))
            .header(HOST, "docker");
        if !body.is_empty() {
            head = head.header(CONTENT_TYPE, "application/json");
        }
        let head = head
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| Trouble::Unusable(format!("cannot ask Docker {request}: {error}")))?;
        fetch::begin(stream, head).await.map_err(|error| self.cut(&request, &error))
    }

    fn cut(&self, request: &str, error: &str) -> Trouble {
        let socket = self.socket.display();
        Trouble::Lost(format!("Docker's answer to {request} broke off: {error} ({socket})"))
    }
}

/// The socket that `DOCKER_HOST` names.
fn socket_of(host: Option<&str>) -> Result<PathBuf, Trouble> {
    match host.filter(|host| !host.is_empty()) {
        None => Ok(SOCKET.into()),
        Some(host) => match host.strip_prefix("unix://") {
            Some(path) if path.starts_with('/') => Ok(path.into()),
            _ => Err(Trouble::Unusable(format!(
                "DOCKER_HOST is {host:?}, and Teal speaks to Docker over a Unix socket: deploy on the \
                 machine of Docker, with DOCKER_HOST=unix:///PATH or without it"
            ))),
        },
    }
}

fn no_connection(socket: &Path, error: &std::io::Error) -> Trouble {
    let shown = socket.display();
    match error.kind() {
        ErrorKind::NotFound => Trouble::Away(format!(
            "cannot reach Docker: {shown} does not exist; start Docker, or set \
             DOCKER_HOST=unix:///PATH if it listens elsewhere"
        )),
        ErrorKind::PermissionDenied => Trouble::Unusable(format!(
            "cannot reach Docker: this user has no permission for {shown}; deploy as a member of the \
             group docker"
        )),
        ErrorKind::ConnectionRefused => {
            Trouble::Away(format!("cannot reach Docker: nothing listens on {shown}; start Docker"))
        }
        _ => Trouble::Lost(format!("cannot reach Docker at {shown}: {error}")),
    }
}

/// The request as messages show it.
fn shown(method: &Method, path: &str) -> String {
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    format!("{method} {path}")
}

/// 304 is the answer to what is done already.
fn is_good(status: u16) -> bool {
    (200..300).contains(&status) || status == 304
}

fn judged(request: &str, status: u16, body: Bytes) -> Result<Bytes, Trouble> {
    if is_good(status) {
        return Ok(body);
    }
    let text = match serde_json::from_slice::<Explanation>(&body) {
        Ok(explanation) => explanation.message.into_bytes(),
        Err(_) => body.to_vec(),
    };
    Err(Trouble::Refused { status, request: request.to_owned(), why: line(&text) })
}

fn understood<T: DeserializeOwned>(request: &str, answer: &[u8]) -> Result<T, Trouble> {
    serde_json::from_slice(answer).map_err(|error| {
        Trouble::Lost(format!("Docker's answer to {request} is not understood: {error}"))
    })
}

/// A value of a query.
pub(super) fn encoded(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let encoded = value.bytes().map(|byte| {
        if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    });
    encoded.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_cannot_be_used_is_told_with_what_to_do() {
        for (kind, words) in [
            (
                ErrorKind::NotFound,
                "/sock does not exist; start Docker, or set DOCKER_HOST=unix:///PATH",
            ),
            (ErrorKind::PermissionDenied, "/sock; deploy as a member of the group docker"),
            (ErrorKind::ConnectionRefused, "nothing listens on /sock; start Docker"),
        ] {
            let trouble = no_connection(Path::new("/sock"), &kind.into());
            assert!(trouble.to_string().contains(words), "{trouble}");
            let is_unusable = kind == ErrorKind::PermissionDenied;
            assert_eq!(matches!(trouble, Trouble::Unusable(_)), is_unusable, "{trouble}");
        }
        let full = no_connection(Path::new("/sock"), &ErrorKind::WouldBlock.into());
        assert!(matches!(full, Trouble::Lost(_)), "an Engine that does not accept hangs");
    }

    #[test]
    fn only_unix_sockets_are_hosts() {
        let path = |host| socket_of(host).map_err(|trouble| trouble.to_string());
        assert_eq!(path(None), Ok(PathBuf::from("/var/run/docker.sock")));
        assert_eq!(path(Some("")), Ok(PathBuf::from("/var/run/docker.sock")));
        assert_eq!(path(Some("unix:///run/user/1/d.sock")), Ok("/run/user/1/d.sock".into()));
        for bad in ["tcp://127.0.0.1:2375", "ssh://host", "unix://sock", "/run/docker.sock"] {
            let error = path(Some(bad)).expect_err(bad);
            assert!(error.contains("deploy on the machine of Docker"), "{error}");
        }
    }

    #[test]
    fn a_value_of_a_query_cannot_end_it() {
        assert_eq!(encoded("a.b:1/c?d=e&f %"), "a.b%3A1%2Fc%3Fd%3De%26f%20%25");
    }
}
