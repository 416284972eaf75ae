//! Targets with scripted answers, and a log of the probe results there.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use control::Resolver;
use rules::{Color, TargetUrl};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// The behavior of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    Failing,
    Hanging,
    Refusing,
}

/// All targets of a history, by host name.
#[derive(Clone, Default)]
pub(crate) struct Targets(Arc<Mutex<BTreeMap<String, Target>>>);

struct Target {
    mood: Mood,
    address: SocketAddr,
    found: Vec<(Instant, bool)>,
}

/// An address where nothing listens.
const NOWHERE: ([u8; 4], u16) = ([127, 0, 0, 1], 1);

/// The two targets that a color may have.
pub(crate) fn urls(color: Color) -> [TargetUrl; 2] {
    ["one", "two"].map(|n| TargetUrl::parse(&format!("http://{color}-{n}.test:80")).unwrap())
}

// === impl Targets ===

/// An address of this machine for each target that there ever is: what the kernel remembers of so
/// many short connections would soon leave no port of a single one free.
fn next_address() -> Ipv4Addr {
    static TARGETS: AtomicU32 = AtomicU32::new(0);
    Ipv4Addr::from(0x7F10_0001 + TARGETS.fetch_add(1, Ordering::Relaxed))
}

impl Targets {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Target>> {
        self.0.lock().unwrap()
    }

    /// Starts all four on the current runtime, well; what was found before is forgotten.
    pub(crate) async fn start(&self) {
        self.lock().clear();
        for url in Color::BOTH.into_iter().flat_map(urls) {
            let listener = TcpListener::bind((next_address(), 0)).await.unwrap();
            let address = listener.local_addr().unwrap();
            let host = url.host_and_port().unwrap().0.to_owned();
            let target = Target { mood: Mood::Well, address, found: Vec::new() };
            self.lock().insert(host.clone(), target);
            let targets = self.clone();
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let (targets, host) = (targets.clone(), host.clone());
                    tokio::spawn(async move { targets.serve(&host, stream).await });
                }
            });
        }
    }

    pub(crate) fn set(&self, url: &TargetUrl, mood: Mood) {
        self.lock().get_mut(url.host_and_port().unwrap().0).unwrap().mood = mood;
    }

    pub(crate) fn resolver(&self) -> Resolver {
        let targets = self.clone();
        Resolver::new(move |host, _| {
            let mut all = targets.lock();
            let target = all.get_mut(host).ok_or(io::ErrorKind::NotFound)?;
            if target.mood == Mood::Refusing {
                target.found.push((Instant::now(), false));
                return Ok(vec![NOWHERE.into()]);
            }
            Ok(vec![target.address])
        })
    }

    async fn serve(&self, host: &str, mut stream: TcpStream) {
        let mut head = [0; 1024];
        if !matches!(stream.read(&mut head).await, Ok(1..)) {
            return; // a knock, not a probe
        }
        let mood = self.lock()[host].mood;
        let passed = mood == Mood::Well;
        if mood == Mood::Hanging {
            drop(stream.read(&mut head).await); // until the prober has had enough
        }
        self.lock().get_mut(host).unwrap().found.push((Instant::now(), passed));
        let status = if passed { "200 OK" } else { "503 Service Unavailable" };
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        drop(stream.write_all(answer.as_bytes()).await);
    }

    /// L9: of this target the newest `rise` probes passed, and the last not long ago. A failure
    /// at this very instant may be newer than the decision.
    pub(crate) fn assert_proven(&self, url: &TargetUrl, rise: usize, at_most: Duration) {
        let now = Instant::now();
        let all = self.lock();
        let found = &all[url.host_and_port().unwrap().0].found;
        let known: Vec<_> = found.iter().filter(|(at, passed)| *passed || *at < now).collect();
        let newest = &known[known.len().saturating_sub(rise)..];
        assert!(newest.len() == rise, "{url}: a switch with {} probes", newest.len());
        assert!(newest.iter().all(|(_, passed)| *passed), "{url}: a switch after {newest:?}");
        let age = now - newest[rise - 1].0;
        assert!(age <= at_most, "{url}: the evidence is {age:?} old");
    }
}
