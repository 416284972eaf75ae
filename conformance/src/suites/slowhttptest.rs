//! slowhttptest: slow heads, slow bodies and slow readers, while an honest client is served.
//!
//! The time for which Teal keeps a connection is read from the kernel's socket list. The tool counts a connection
//! as open until it has read everything that its own kernel received before a reset: for a slow reader at 16
//! bytes per second that is more than a minute after Teal has closed it.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use testkit::Client;

use super::{Stand, Verdict};
use crate::place::Place;
use crate::process::{run as run_command, words};
use crate::versions::version;

const ENDS_WITHIN: Duration = Duration::from_secs(60);

const CONNECTIONS: usize = 50;
const SECONDS: u64 = 15;

/// The longest time for a connection: a deadline of 1 s, a lingering close, and a busy machine.
const HELD_FOR: Duration = Duration::from_secs(6);

/// The interval for reading the kernel's list.
const LOOK: Duration = Duration::from_millis(50);

/// Attacks of the tool, with its arguments.
const MODES: [(&str, &str, &str); 3] = [
    ("slow heads", "/slow", "-H -i 2"),
    ("slow bodies", "/slow", "-B -i 2 -s 8192 -x 10"),
    ("slow readers", "/large", "-X -n 1 -z 16 -w 512 -y 1024"),
];

/// The connections to one port, as the kernel lists them.
#[derive(Debug, Default)]
struct Held {
    /// The times when each was first and last seen, by client port.
    seen: HashMap<u16, (Instant, Instant)>,
}

pub(super) fn run(place: &Place, work: &Path) -> Result<Vec<Verdict>> {
    let deadlines = r#"request_head = "1s", body_progress = "1s", write_stall = "1s""#;
    let stand = Stand::start(place, work, deadlines)?;
    stand.serve_large("/large");
    let port = stand.teal.listener().port();
    let mut verdicts = Vec::new();
    for (what, path, more) in MODES {
        let url = format!("http://{}{path}", stand.teal.listener());
        let command = words(&format!(
            "slowhttptest -u {url} -c {CONNECTIONS} -r 200 -l {SECONDS} -p 3 -v 1 {more}"
        ));
        let over = AtomicBool::new(false);
        let (said, held) = thread::scope(|scope| {
            let watching = scope.spawn(|| Held::watch(port, &over));
            let said = run_command(&command, &Vec::new(), ENDS_WITHIN);
            over.store(true, Ordering::Relaxed);
            let held = watching.join().map_err(|_| anyhow!("the watcher has panicked"))??;
            Ok::<_, anyhow::Error>((said?.1, held))
        })?;
        let available = said.contains("YES") && !said.contains("NO\n");
        let mut honest = Client::try_connect(stand.teal.listener())?;
        honest.send("GET /honest HTTP/1.1\r\nHost: test\r\n\r\n");
        let served = honest.read_answer(false).is_ok_and(|answer| answer.status == 200);
        let told = if available { "available throughout" } else { "not always available" };
        let longest = held.longest();
        verdicts.push(Verdict {
            suite: "slowhttptest",
            version: version(place, "deb:slowhttptest"),
            tried: format!("{what}, {CONNECTIONS} connections, deadlines of 1 s"),
            said: format!(
                "the service was {told}; Teal kept none of {} connections for longer than {:.1} s",
                held.seen.len(),
                longest.as_secs_f64()
            ),
            passed: available && served && held.seen.len() >= CONNECTIONS && longest <= HELD_FOR,
        });
    }
    Ok(verdicts)
}

impl Held {
    /// Reads the list until the test is over.
    fn watch(port: u16, over: &AtomicBool) -> Result<Self> {
        let mut held = Self::default();
        while !over.load(Ordering::Relaxed) {
            let now = Instant::now();
            for client in open(&fs::read_to_string("/proc/net/tcp")?, port) {
                held.seen.entry(client).or_insert((now, now)).1 = now;
            }
            thread::sleep(LOOK);
        }
        Ok(held)
    }

    fn longest(&self) -> Duration {
        let times = self.seen.values().map(|(first, last)| last.duration_since(*first));
        times.max().unwrap_or_default()
    }
}

/// The clients whose connections to a port are still open on this side, in the form of proc(5). A
/// connection in TIME_WAIT holds nothing.
fn open(list: &str, port: u16) -> impl Iterator<Item = u16> {
    const TIME_WAIT: &str = "06";
    const LISTEN: &str = "0A";
    list.lines().filter_map(move |line| {
        let mut columns = line.split_whitespace().skip(1);
        let (own, client, state) = (columns.next()?, columns.next()?, columns.next()?);
        let port_of = |address: &str| u16::from_str_radix(address.split_once(':')?.1, 16).ok();
        let is_open = state != TIME_WAIT && state != LISTEN;
        (is_open && port_of(own) == Some(port)).then(|| port_of(client)).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_of_a_port_are_those_that_are_open_there() {
        let list = "  sl  local_address rem_address   st tx_queue rx_queue\n\
             0: 0100007F:1F90 00000000:0000 0A 00000000:00000000\n\
             1: 0100007F:1F90 0100007F:C001 01 00000000:00000000\n\
             2: 0100007F:C001 0100007F:1F90 01 00000000:00000000\n\
             3: 0100007F:1F90 0100007F:C002 06 00000000:00000000\n\
             4: 0100007F:1F90 0100007F:C003 04 00000000:00000000\n";
        assert_eq!(open(list, 8080).collect::<Vec<_>>(), [0xC001, 0xC003]);
    }
}
