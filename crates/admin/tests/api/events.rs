//! The event stream: live, resumable, never silently incomplete.

use std::time::Duration;

use control::News;
use rules::{Generation, Time};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::stage::Stage;

struct Follower {
    stream: TcpStream,
    text: String,
}

impl Follower {
    async fn new(stage: &Stage, fields: &str) -> Self {
        let mut stream = TcpStream::connect(stage.address).await.expect("connected");
        let text = format!("GET /admin/events HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n");
        stream.write_all(text.as_bytes()).await.expect("sent");
        let mut follower = Self { stream, text: String::new() };
        follower.until("retry: 1000\n\n").await;
        follower
    }

    /// Reads until the words have come; panics if they do not come in time.
    async fn until(&mut self, words: &str) {
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

fn published(generation: u64) -> News {
    News::Published { generation: Generation(generation) }
}

#[tokio::test]
async fn events_are_reported_as_they_happen() {
    let stage = Stage::new().await;
    let mut follower = Follower::new(&stage, "").await;
    assert!(follower.text.to_lowercase().contains("content-type: text/event-stream"));
    stage.news.print(Time(5_000), published(8));
    follower.until("id: 1-teal-test\nevent: published\ndata: {").await;
    follower.until("\"generation\":8}\n\n").await;
    stage.stop().await;
}

#[tokio::test]
async fn a_follower_resumes_where_it_stopped() {
    let stage = Stage::new().await;
    for generation in 1..=3 {
        stage.news.print(Time(generation), published(generation));
    }
    let mut follower = Follower::new(&stage, "Last-Event-ID: 1\r\n").await;
    follower.until("id: 3-").await;
    assert!(follower.text.contains("id: 2-") && !follower.text.contains("id: 1-"));
    let mut follower = Follower::new(&stage, "Last-Event-ID: 2-teal-test\r\n").await;
    follower.until("id: 3-").await;
    assert!(!follower.text.contains("id: 2-"));
    for id in ["-1", "x", "", "x-teal-test"] {
        let reply = stage.bare("GET", "/admin/events", &[("Last-Event-ID", id)]).await;
        assert_eq!(reply.status, 400, "{id:?}");
    }
    stage.stop().await;
}

#[tokio::test]
async fn a_follower_of_another_process_learns_of_the_restart_and_gets_everything() {
    let stage = Stage::new().await;
    for generation in 1..=3 {
        stage.news.print(Time(generation), published(generation));
    }
    let mut follower = Follower::new(&stage, "Last-Event-ID: 2-teal-before\r\n").await;
    follower.until("id: 3-").await;
    let restarted = follower.text.find("event: restarted\n").expect("a restart is reported");
    assert!(restarted < follower.text.find("id: 1-").expect("the first is there"));
    stage.stop().await;
}

#[tokio::test]
async fn events_that_are_no_longer_kept_are_announced() {
    let stage = Stage::new().await;
    for generation in 1..=2000 {
        stage.news.print(Time(generation), published(generation));
    }
    let mut follower = Follower::new(&stage, "Last-Event-ID: 0\r\n").await;
    follower.until("event: missed\ndata: {\"missed\":976}\n\n").await;
    follower.until("id: 977-").await;
    stage.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_quiet_stream_has_a_heartbeat() {
    let stage = Stage::new().await;
    let mut follower = Follower::new(&stage, "").await;
    follower.until(": still here\n\n").await;
    stage.stop().await;
}

// A5
#[tokio::test]
async fn streams_are_limited_and_end_when_teal_stops() {
    let stage = Stage::new().await;
    let mut followers = Vec::new();
    for _ in 0..64 {
        followers.push(Follower::new(&stage, "").await);
    }
    let reply = stage.bare("GET", "/admin/events", &[]).await;
    assert_eq!(reply.status, 503);
    assert!(reply.body.starts_with("Too many event streams"), "{}", reply.body);
    followers.pop();
    let free = async {
        loop {
            // Teal notices that the client has left only when it writes to it.
            stage.news.print(Time(1), published(1));
            let mut stream = TcpStream::connect(stage.address).await.expect("connected");
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
    let stopping = tokio::time::timeout(Duration::from_secs(5), stage.stop());
    stopping.await.expect("no stream keeps Teal from stopping");
}
