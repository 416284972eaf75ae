//! An Engine of the tests: each request has replies in their order, of which the last one stays.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use runner::Docker;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

/// The requests of a start that end well, with the container `ab12`.
pub(crate) const IMAGE: &str = "GET /images/app:v42/json";
pub(crate) const BY_NAME: &str = "GET /containers/web-green/json";
pub(crate) const CREATE: &str = "POST /containers/create";
pub(crate) const START: &str = "POST /containers/ab12/start";
pub(crate) const BY_ID: &str = "GET /containers/ab12/json";
pub(crate) const LOGS: &str = "GET /containers/ab12/logs";
pub(crate) const STOP: &str = "POST /containers/ab12/stop";
pub(crate) const REMOVE: &str = "DELETE /containers/ab12";

/// The Engine's reaction to a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// It answers.
    Json(u16, Value),
    /// It writes these pieces and closes the connection.
    Bytes(Vec<Vec<u8>>),
    /// It writes this and no more, and keeps the connection open.
    Hang(Vec<u8>),
}

/// The Engine.
pub(crate) struct Engine {
    folder: TempDir,
    script: Arc<Mutex<Script>>,
    serving: JoinHandle<()>,
}

#[derive(Default)]
struct Script {
    replies: HashMap<String, VecDeque<Reply>>,
    /// Method and path with its query, and the body.
    asked: Vec<(String, String)>,
}

impl Engine {
    /// Serves, without any container.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let listener = UnixListener::bind(folder.path().join("sock")).expect("a socket");
        let script = Arc::<Mutex<Script>>::default();
        let shared = Arc::clone(&script);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        let engine = Self { folder, script, serving };
        let version = json!({"Version": "20.10.24", "ApiVersion": "1.41", "MinAPIVersion": "1.12"});
        engine.on("GET /version", [Reply::Json(200, version)]);
        engine
    }

    /// Serves, and starts the container `ab12` of an image that is there.
    pub(crate) fn that_starts() -> Self {
        let engine = Self::new();
        engine.on(IMAGE, [Reply::Json(200, json!({}))]);
        engine.on(CREATE, [Reply::Json(201, json!({"Id": "ab12"}))]);
        engine.on(START, [Reply::Json(204, Value::Null)]);
        engine.on(BY_ID, [container("running", json!({}))]);
        engine.on(LOGS, [Reply::log(&[(1, "listening\n"), (2, "panicked at main.rs\n")])]);
        engine
    }

    pub(crate) fn on<const N: usize>(&self, request: &str, replies: [Reply; N]) {
        let mut script = self.script.lock().expect("no test panics with it");
        script.replies.insert(request.to_owned(), replies.into());
    }

    pub(crate) fn runner(&self) -> Docker {
        crate::runner(&self.socket())
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("sock")
    }

    /// The requests so far, without the version and the query.
    pub(crate) fn asked(&self) -> Vec<String> {
        let script = self.script.lock().expect("no test panics with it");
        script.asked.iter().map(|(request, _)| plain(request)).collect()
    }

    /// The requests so far that would change something.
    pub(crate) fn orders(&self) -> Vec<String> {
        self.asked().into_iter().filter(|request| !request.starts_with("GET")).collect()
    }

    /// Requests of this kind in full, and their bodies.
    pub(crate) fn told(&self, request: &str) -> Vec<(String, String)> {
        let script = self.script.lock().expect("no test panics with it");
        script.asked.iter().filter(|(asked, _)| plain(asked) == request).cloned().collect()
    }

    /// Answers no one any more: a connect is refused.
    pub(crate) async fn ends(&mut self) {
        self.serving.abort();
        let _ = (&mut self.serving).await;
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Reply {
    pub(crate) fn error(status: u16, message: &str) -> Self {
        Self::Json(status, json!({"message": message}))
    }

    /// A log in frames, with the number of the stream of each.
    pub(crate) fn log(lines: &[(u8, &str)]) -> Self {
        let mut body = Vec::new();
        for (stream, line) in lines {
            body.extend([*stream, 0, 0, 0]);
            body.extend(u32::try_from(line.len()).expect("short").to_be_bytes());
            body.extend(line.as_bytes());
        }
        Self::Bytes(vec![chunked(&body)])
    }
}

/// A container of web (green) in this state, and with these changes to its description.
pub(crate) fn container(status: &str, changes: Value) -> Reply {
    let mut whole = json!({
        "Id": "ab12", "Name": "/web-green", "RestartCount": 0,
        "State": {"Status": status, "ExitCode": 3},
        "Config": {
            "Tty": false,
            "Labels": {"teal.service": "web", "teal.color": "green", "teal.version": "v42"},
        },
    });
    if let Value::Object(changes) = changes {
        for (key, value) in changes {
            whole[key] = value;
        }
    }
    Reply::Json(200, whole)
}

/// A whole answer of one chunk.
pub(crate) fn chunked(body: &[u8]) -> Vec<u8> {
    let head =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let size = format!("{:x}\r\n", body.len());
    [head.as_bytes(), size.as_bytes(), body, b"\r\n0\r\n\r\n"].concat()
}

fn plain(request: &str) -> String {
    let request = request.split('?').next().unwrap_or_default();
    request.replacen("/v1.41/", "/", 1)
}

async fn serve(mut stream: UnixStream, script: Arc<Mutex<Script>>) {
    while let Some((request, body)) = read(&mut stream).await {
        let reply = {
            let mut script = script.lock().expect("no test panics with it");
            script.asked.push((request.clone(), body));
            let none = Reply::error(404, &format!("no such thing: {request}"));
            script.replies.get_mut(&plain(&request)).map_or(none, |replies| match replies.len() {
                0 | 1 => replies.front().cloned().expect("a request has replies"),
                _ => replies.pop_front().expect("there are several"),
            })
        };
        match reply {
            Reply::Json(status, value) => {
                let body = if value.is_null() { String::new() } else { value.to_string() };
                let length = body.len();
                let text =
                    format!("HTTP/1.1 {status} Said\r\nContent-Length: {length}\r\n\r\n{body}");
                if stream.write_all(text.as_bytes()).await.is_err() {
                    return;
                }
            }
            Reply::Bytes(pieces) => {
                for piece in pieces {
                    let _ = stream.write_all(&piece).await;
                    tokio::task::yield_now().await;
                }
                return;
            }
            Reply::Hang(bytes) => {
                let _ = stream.write_all(&bytes).await;
                let _ = stream.read(&mut [0]).await; // until the client gives up
                return;
            }
        }
    }
}

/// The next request and its body; `None` if there is none.
async fn read(stream: &mut UnixStream) -> Option<(String, String)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).expect("a head is text");
    let line = head.lines().next().expect("a request has a line");
    let request = line.strip_suffix(" HTTP/1.1").expect("HTTP/1.1").to_owned();
    let length = head
        .lines()
        .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await.ok()?;
    Some((request, String::from_utf8(body).expect("a body is JSON")))
}
