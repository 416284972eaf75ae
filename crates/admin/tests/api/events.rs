//! The event stream: live, resumable, never silently incomplete.

use std::time::Duration;

use control::LiveEvent;
use rules::{Generation, Time};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fixture::Fixture;

pub(crate) struct Follower {
    stream: TcpStream,
    text: String,
}

impl Follower {
    pub(crate) async fn new(fixture: &Fixture, fields: &str) -> Self {
        let mut stream = TcpStream::connect(fixture.address).await.expect("connected");
        let text = format!("GET /admin/events HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n");
        stream.write_all(text.as_bytes()).await.expect("sent");
        let mut follower = Self { stream, text: String::new() };
        follower.until("retry: 1000\n\n").await;
        follower
    }

    /// Reads until the words have come; panics if they do not come in time.
    pub(crate) async fn until(&mut self, words: &str) {
        let reading = async {
            while !self.text.contains(words) {
                let mut piece = [0; 4096];
                let length = self.stream.read(&mut piece).await.expect("it is readable");
                assert!(length > 0, "the stream ended at {}", self.text);
                self.text.push_str(&String::from_utf8_lossy(&piece[..length]));
            }
        };
        tokio::time::timeout(Duration::from_secs(30), reading).await.expect("in time");
    }
}

fn published(generation: u64) -> LiveEvent {
    LiveEvent::Published { generation: Generation(generation) }
}

#[tokio::test]
async fn events_are_reported_as_they_happen() {
    let fixture = Fixture::new().await;
    let mut follower = Follower::new(&fixture, "").await;
    assert!(follower.text.to_lowercase().contains("content-type: text/event-stream"));
    fixture.events.emit(Time(5_000), published(8));
    follower.until("id: 1-teal-test\nevent: published\ndata: {").await;
    follower.until("\"generation\":8}\n\n").await;
    fixture.stop().await;
}

#[tokio::test]
async fn a_follower_resumes_where_it_stopped() {
    let fixture = Fixture::new().await;
    for generation in 1..=3 {
        fixture.events.emit(Time(generation), published(generation));
    }
    let mut follower = Follower::new(&fixture, "Last-Event-ID: 1\r\n").await;
    follower.until("id: 3-").await;
    assert!(follower.text.contains("id: 2-") && !follower.text.contains("id: 1-"));
    let mut follower = Follower::new(&fixture, "Last-Event-ID: 2-teal-test\r\n").await;
    follower.until("id: 3-").await;
    assert!(!follower.text.contains("id: 2-"));
    for id in ["-1", "x", "", "x-teal-test"] {
        let reply = fixture.bare("GET", "/admin/events", &[("Last-Event-ID", id)]).await;
        assert_eq!(reply.status, 400, "{id:?}");
    }
    fixture.stop().await;
}

#[tokio::test]
async fn a_follower_of_another_process_learns_of_the_restart_and_gets_everything() {
    let fixture = Fixture::new().await;
    for generation in 1..=3 {
        fixture.events.emit(Time(generation), published(generation));
    }
    let mut follower = Follower::new(&fixture, "Last-Event-ID: 2-teal-before\r\n").await;
    follower.until("id: 3-").await;
    let restarted = follower.text.find("event: restarted\n").expect("a restart is reported");
    assert!(restarted < follower.text.find("id: 1-").expect("the first is there"));
    fixture.stop().await;
}

#[tokio::test]
async fn events_that_are_no_longer_kept_are_announced() {
    let fixture = Fixture::new().await;
    for generation in 1..=2000 {
        fixture.events.emit(Time(generation), published(generation));
    }
    let mut follower = Follower::new(&fixture, "Last-Event-ID: 0\r\n").await;
    follower.until("event: missed\ndata: {\"missed\":976}\n\n").await;
    follower.until("id: 977-").await;
    fixture.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_quiet_stream_has_a_heartbeat() {
    let fixture = Fixture::new().await;
    let mut follower = Follower::new(&fixture, "").await;
    follower.until(": still here\n\n").await;
    fixture.stop().await;
}

// A5
#[tokio::test]
async fn streams_are_limited_and_end_when_teal_stops() {
    let fixture = Fixture::new().await;
    let mut followers = Vec::new();
    for _ in 0..64 {
        followers.push(Follower::new(&fixture, "").await);
    }
    let reply = fixture.bare("GET", "/admin/events", &[]).await;
    assert_eq!(reply.status, 503);
    assert!(reply.body.starts_with("Too many event streams"), "{}", reply.body);
    followers.pop();
    let free = async {
        loop {
            // Teal notices that the client has left only when it writes to it.
            fixture.events.emit(Time(1), published(1));
            let mut stream = TcpStream::connect(fixture.address).await.expect("connected");
            let text = "GET /admin/events HTTP/1.1\r\nHost: localhost\r\n\r\n";
            stream.write_all(text.as_bytes()).await.expect("sent");
            let mut status = [0; 12];
            stream.read_exact(&mut status).await.expect("a status");
            if &status == b"HTTP/1.1 200" {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), free).await.expect("a seat came free");
    let stopping = tokio::time::timeout(Duration::from_secs(5), fixture.stop());
    stopping.await.expect("no stream keeps Teal from stopping");
}
