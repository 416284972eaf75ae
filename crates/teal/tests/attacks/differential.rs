//! The table of attacks against nginx and HAProxy from Debian as well: wherever Teal answers, closes
//! or forwards otherwise than they do, the reason is written down in `reasons.toml`, by row.
//! `make differential` writes `docs/differences.md`; a difference without a reason is an error.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use testkit::{Settings, Target, Teal, free_address, wait_until};

use crate::case::{self, Case};
use crate::play::{self, Outcome};

/// For an answer of a peer, or for its closing the connection.
const PATIENCE: Duration = Duration::from_millis(400);

#[test]
#[ignore = "needs nginx and HAProxy, and takes minutes: make differential"]
fn every_difference_from_nginx_and_haproxy_has_a_reason() {
    let target = Target::start("blue");
    let green = Target::start("green");
    let teal = Teal::start_healthy(crate::TEAL, &Settings::new(&target, &green));
    let nginx = Peer::start("nginx", include_str!("peers/nginx.conf"), target.address());
    let haproxy = Peer::start("haproxy", include_str!("peers/haproxy.conf"), target.address());
    let reasons: BTreeMap<String, String> =
        toml::from_str(include_str!("reasons.toml")).expect("a reason for each row");
    let fronts = [teal.listener(), nginx.address, haproxy.address];
    let (mut lines, mut rows, mut same) = (BTreeMap::<String, String>::new(), BTreeSet::new(), 0);
    for case in case::all() {
        let looks =
            fronts.map(|front| look(&case, &play::play(&case, front, [&target, &green], PATIENCE)));
        if looks[1..].iter().all(|peer| *peer == looks[0]) {
            same += 1;
            continue;
        }
        rows.insert(case.row.clone());
        let line = lines.entry(case.row.clone()).or_default();
        let cell =
            |peer: &String| if *peer == looks[0] { "the same".to_owned() } else { peer.clone() };
        let cells = [looks[0].clone(), cell(&looks[1]), cell(&looks[2])].join(" | ");
        let _ = writeln!(line, "| {} | {cells} |", name(&case)); // a string takes all
    }
    let missing: Vec<_> = rows.iter().filter(|row| !reasons.contains_key(*row)).collect();
    assert!(missing.is_empty(), "no reason is given for {missing:?}:\n{lines:#?}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/differences.md");
    fs::write(path, document(&lines, &reasons, same)).expect("the document is written");
}

/// Status, what became of the connection, and what went upstream, with fields that should not have.
fn look(case: &Case, outcome: &Outcome) -> String {
    let status = match outcome.statuses.first() {
        Some(status) => status.to_string(),
        None => "no answer".to_owned(),
    };
    let connection = match outcome.ended {
        Some(true) => ", closed",
        Some(false) => ", kept open",
        None => "",
    };
    let whole = outcome.seen.iter().filter(|request| request.complete);
    let upstream: Vec<String> = whole.map(|request| play::summary(request)).collect();
    let upstream = match &*upstream.join("; ") {
        "" => "nothing upstream".to_owned(),
        some => format!("`{}`", some.escape_debug().to_string().replace('|', "\\|")),
    };
    let upstream: String = upstream.chars().take(100).collect();
    let first = outcome.seen.iter().find(|request| request.complete);
    let has = |what: &&String| first.is_some_and(|request| play::has_field(request, what));
    let with: Vec<String> =
        case.lacks.iter().filter(has).map(|what| format!(" with `{what}`")).collect();
    format!("{status}{connection}, {upstream}{}", with.concat())
}

fn name(case: &Case) -> String {
    case.name.replace('|', "\\|").replace('\\', "\\\\")
}

fn document(
    lines: &BTreeMap<String, String>,
    reasons: &BTreeMap<String, String>,
    same: usize,
) -> String {
    let mut text = String::from(
        "# Where Teal differs from nginx and HAProxy\n\n\
         Written by `make differential` from the table of attacks\n\
         (`crates/teal/tests/attacks/requests.toml`), played against Teal, nginx and HAProxy of Debian, the\n\
         last two with their default configuration. It has the cases in which one of them answers, closes or\n\
         forwards differently from Teal, and the reason for what Teal does. Upstream is the request that the\n\
         target received whole: method, target, framing and body.\n",
    );
    let _ = writeln!(text, "\nIn {same} further cases all three do the same.");
    for (row, lines) in lines {
        let reason = reasons.get(row).map_or("", String::as_str);
        let _ = write!(
            text,
            "\n## {row}\n\n{reason}\n\n| case | Teal | nginx | HAProxy |\n|---|---|---|---|\n{lines}"
        );
    }
    text
}

/// A proxy of Debian in front of a target. Ends with this value.
struct Peer {
    address: SocketAddr,
    process: Child,
    _work: tempfile::TempDir,
}

impl Peer {
    fn start(program: &str, config: &str, target: SocketAddr) -> Self {
        let work = tempfile::tempdir().expect("a directory");
        let address = free_address();
        let config = config
            .replace("{{work}}", &work.path().to_string_lossy())
            .replace("{{port}}", &address.port().to_string())
            .replace("{{target}}", &target.to_string());
        let path = work.path().join("config");
        fs::write(&path, config).expect("a configuration");
        let flag = if program == "nginx" { "-c" } else { "-f" };
        let process = Command::new(program)
            .arg(flag)
            .arg(&path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx and HAProxy are installed: make differential");
        let listens = || TcpStream::connect(address).is_ok();
        wait_until(Duration::from_secs(10), "it listens", listens);
        Self { address, process, _work: work }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // SIGTERM, so that nginx ends its workers. Ignored where it fails: it has ended.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}
