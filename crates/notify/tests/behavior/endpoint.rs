//! A scripted endpoint on loopback: it answers each message as it is told, and keeps what it got.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::setup::until;

/// A message as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// The head of the request, as it was sent.
    pub(crate) head: String,
    pub(crate) body: String,
    pub(crate) at: Instant,
}

/// An endpoint. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) port: u16,
    received: Arc<Mutex<Vec<Received>>>,
    serving: JoinHandle<()>,
}

/// The answer to the nth message, from 0; `None`: none, while the connection stays open.
pub(crate) type Script = fn(usize) -> Option<&'static str>;

pub(crate) const OK: &str = "HTTP/1.1 204 No Content\r\n\r\n";

impl Endpoint {
    pub(crate) async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let received: Arc<Mutex<Vec<Received>>> = Arc::default();
        let seen = received.clone();
        let serving = tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let Some(message) = read(&mut stream).await else { continue };
                let place = {
                    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                    seen.push(message);
                    seen.len() - 1
                };
                match script(place) {
                    Some(answer) => drop(stream.write_all(answer.as_bytes()).await),
                    None => open.push(stream),
                }
            }
        });
        Self { port, received, serving }
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until it has got so many messages.
    pub(crate) async fn has_received(&self, count: usize) -> Vec<Received> {
        until(&format!("{count} messages"), || self.received().len() >= count).await;
        self.received()
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Received {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (field, value) = line.split_once(": ")?;
            field.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(crate) fn id(&self) -> &str {
        self.field("webhook-id").expect("a message has an id")
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    pub(crate) fn text(&self) -> String {
        self.json()["text"].as_str().expect("a text").to_owned()
    }
}

async fn read(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    loop {
        let mut more = [0; 4096];
        let count = stream.read(&mut more).await.ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&more[..count]);
        let text = String::from_utf8(bytes.clone()).expect("text");
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok()
        });
        if body.len() >= length.expect("a length") {
            let (head, body) = (head.to_owned(), body.to_owned());
            return Some(Received { head, body, at: Instant::now() });
        }
    }
}
