//! slowhttptest: slow heads, slow bodies and slow readers, while an honest client is served.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use testkit::Client;

use super::{Stand, Verdict};
use crate::place::Place;
use crate::process::{run as run_command, words};
use crate::versions::version;

const ENDS_WITHIN: Duration = Duration::from_secs(60);

const CONNECTIONS: u64 = 50;
const SECONDS: u64 = 20;

/// Attacks of the tool, with its arguments.
const MODES: [(&str, &str, &str); 3] = [
    ("slow heads", "/slow", "-H -i 2"),
    ("slow bodies", "/slow", "-B -i 2 -s 8192 -x 10"),
    ("slow readers", "/large", "-X -n 1 -z 16 -w 512 -y 1024"),
];

pub(super) fn run(place: &Place, work: &Path) -> Result<Vec<Verdict>> {
    let deadlines = r#"request_head = "1s", body_progress = "1s", write_stall = "1s""#;
    let stand = Stand::start(place, work, deadlines)?;
    stand.serve_large("/large");
    let mut verdicts = Vec::new();
    for (what, path, more) in MODES {
        let url = format!("http://{}{path}", stand.teal.listener());
        let command = words(&format!(
            "slowhttptest -u {url} -c {CONNECTIONS} -r 200 -l {SECONDS} -p 3 -v 1 {more}"
        ));
        let (_, said) = run_command(&command, &Vec::new(), ENDS_WITHIN)?;
        let available = said.contains("YES") && !said.contains("NO\n");
        // The tool ends early once all its connections were closed.
        let closed = said.contains("No open connections left");
        let second = ended_on(&said);
        let mut honest = Client::try_connect(stand.teal.listener())?;
        honest.send("GET /honest HTTP/1.1\r\nHost: test\r\n\r\n");
        let served = honest.read_answer(false).is_ok_and(|answer| answer.status == 200);
        let told = if available { "available throughout" } else { "not always available" };
        verdicts.push(Verdict {
            suite: "slowhttptest",
            version: version(place, "deb:slowhttptest"),
            tried: format!("{what}, {CONNECTIONS} connections, deadlines of 1 s"),
            said: if closed {
                format!("the service was {told}; all connections were closed by second {second}")
            } else {
                format!("the service was {told}; connections were still open in second {second}")
            },
            passed: available && served && closed,
        });
    }
    Ok(verdicts)
}

/// The second in which the tool has ended, as it says.
fn ended_on(said: &str) -> &str {
    let behind = said.rsplit_once("Test ended on ").map_or("?", |(_, behind)| behind);
    behind.split(|c: char| !c.is_ascii_digit()).next().unwrap_or("?")
}
