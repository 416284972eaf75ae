//! An endpoint on loopback that keeps what it gets.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use testkit::wait_for_ok;

/// The longest wait for a message: some pauses between tries are longer than a second.
const WITHIN: Duration = Duration::from_secs(30);

/// A message as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) json: serde_json::Value,
}

/// An endpoint. It ends when this is dropped.
pub(crate) struct Endpoint {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Message>>>,
    ended: Arc<AtomicBool>,
    serving: Option<JoinHandle<()>>,
}

impl Endpoint {
    /// Answers each message 204.
    pub(crate) fn start() -> Self {
        Self::at(0)
    }

    /// The same on this port.
    pub(crate) fn at(port: u16) -> Self {
        Self::serve(port, true)
    }

    /// Never answers.
    pub(crate) fn silent() -> Self {
        Self::serve(0, false)
    }

    fn serve(port: u16, answers: bool) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("a port");
        let address = listener.local_addr().expect("bound");
        let received: Arc<Mutex<Vec<Message>>> = Arc::default();
        let ended = Arc::new(AtomicBool::new(false));
        let (seen, end) = (received.clone(), ended.clone());
        let serving = thread::spawn(move || {
            let mut open = Vec::new();
            for stream in listener.incoming() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let Some(message) = read(&stream) else { continue };
                seen.lock().unwrap_or_else(PoisonError::into_inner).push(message);
                if answers {
                    let _gone = (&stream).write_all(b"HTTP/1.1 204 No Content\r\n\r\n");
                } else {
                    open.push(stream);
                }
            }
        });
        Self { address, received, ended, serving: Some(serving) }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn received(&self) -> Vec<Message> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the ids and texts of all messages of this type.
    pub(crate) fn of(&self, kind: &str) -> Vec<(String, String)> {
        let received = self.received().into_iter().filter(|message| message.json["type"] == kind);
        let text = |message: &Message| message.json["text"].as_str().expect("a text").to_owned();
        received.map(|message| (message.id.clone(), text(&message))).collect()
    }

    /// Waits for so many messages of this type.
    #[track_caller]
    pub(crate) fn has(&self, kind: &str, count: usize) -> Vec<(String, String)> {
        wait_for_ok(WITHIN, &format!("{count} messages of type {kind}"), || {
            let found = self.of(kind);
            if found.len() >= count { Ok(found) } else { Err(format!("{:?}", self.received())) }
        })
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address)); // ends its wait
        if let Some(serving) = self.serving.take() {
            serving.join().expect("it does not panic");
        }
    }
}

fn read(stream: &TcpStream) -> Option<Message> {
    stream.set_read_timeout(Some(WITHIN)).expect("a socket");
    let mut reader = BufReader::new(stream);
    let (mut id, mut length) = (None, 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(": ").unwrap_or((line, ""));
        match &*name.to_ascii_lowercase() {
            "webhook-id" => id = Some(value.to_owned()),
            "content-length" => length = value.parse().expect("a length"),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Message { id: id?, json: serde_json::from_slice(&body).expect("JSON") })
}
