//! Certificates as people make them, in each of the roles that Teal gives them: its own at a listener, that
//! of a target, and that of a client. Each is taken or refused by the table of [`rows`], and a refusal says
//! what is wrong.

mod peers;
mod rows;

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use testkit::{Settings, Target, Teal, wait_for};

use crate::TEAL;
use crate::setup::SOON;
use rows::{ROWS, Row, Verdict};

/// The files of all rows.
struct Made(tempfile::TempDir);

impl Made {
    fn make() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/certificates/make.sh");
        let made = Command::new("sh").arg(script).arg(directory.path()).status();
        let log = || std::fs::read_to_string(directory.path().join("make.log"));
        assert!(made.expect("sh").success(), "{:?}", log());
        Self(directory)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn cert(&self, row: &Row) -> PathBuf {
        self.path(&format!("{}.pem", row.name))
    }

    fn key(&self, row: &Row) -> PathBuf {
        self.path(&format!("{}.key", row.name))
    }

    /// Returns the file of CAs that a verifier is given.
    fn ca(&self, row: &Row) -> PathBuf {
        let own = self.path(&format!("{}.ca", row.name));
        if own.exists() { own } else { self.path("ca.pem") }
    }
}

/// The version of TLS, on which it depends how the signature of a handshake is verified.
#[derive(Clone, Copy, Debug)]
enum Version {
    Tls12,
    Tls13,
}

impl Version {
    const BOTH: [Self; 2] = [Self::Tls12, Self::Tls13];

    fn of_openssl(self) -> &'static str {
        match self {
            Self::Tls12 => "-tls1_2",
            Self::Tls13 => "-tls1_3",
        }
    }

    /// The name of the service for a row.
    fn name(self, row: &Row) -> String {
        format!("{}{}", row.name, self.of_openssl().replace('_', "-"))
    }

    fn of_curl(self) -> &'static str {
        match self {
            Self::Tls12 => "1.2",
            Self::Tls13 => "1.3",
        }
    }
}

/// `openssl s_server` with the certificate of a row. It takes keys and signatures of any strength.
struct Served {
    process: Child,
    port: u16,
}

impl Served {
    fn start(made: &Made, row: &Row, version: Version) -> Self {
        Self::asking(made, row, version, None)
    }

    /// The same; clients must show a certificate that this file verifies.
    fn asking(made: &Made, row: &Row, version: Version, clients: Option<&Path>) -> Self {
        let mut command = Command::new("openssl");
        command
            .args(["s_server", "-www", "-accept", "127.0.0.1:0"])
            .args(["-cipher", "DEFAULT@SECLEVEL=0", version.of_openssl()])
            .arg("-cert")
            .arg(made.cert(row))
            .arg("-cert_chain")
            .arg(made.cert(row))
            .arg("-key")
            .arg(made.key(row))
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if let Some(ca) = clients {
            command.args(["-Verify", "3", "-verify_return_error", "-CAfile"]).arg(ca);
        }
        let mut process = command.spawn().expect("openssl");
        let output = process.stdout.take().expect("piped");
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        let port = lines.find_map(|line| line.strip_prefix("ACCEPT 127.0.0.1:")?.parse().ok());
        let port = port.expect("openssl s_server listens");
        std::thread::spawn(move || lines.for_each(drop)); // it ends with the process
        Self { process, port }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill(); // it may have ended
        let _ = self.process.wait();
    }
}

/// Returns true if curl gets an answer at this address by this name, whatever certificate it is shown, with a
/// client certificate where one is given.
fn curl(address: SocketAddr, asked: &str, version: Version, shown: Option<(&Path, &Path)>) -> bool {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--insecure", "--max-time", "5", "--fail"]);
    curl.args(["--ciphers", "DEFAULT@SECLEVEL=0", "--output", "/dev/null"]);
    curl.args(["--tls-max", version.of_curl()]);
    if let Some((cert, key)) = shown {
        curl.arg("--cert").arg(cert).arg("--key").arg(key);
    }
    let resolve = format!("{asked}:{}:{}", address.port(), address.ip());
    curl.args(["--resolve", &resolve, &format!("https://{asked}:{}/", address.port())]);
    curl.stderr(Stdio::null()).status().expect("curl").success()
}

#[track_caller]
fn compare(
    wrong: &mut Vec<String>,
    row: &Row,
    role: &str,
    wanted: Verdict,
    found: &Result<(), String>,
) {
    let told = match (wanted, found) {
        (Verdict::Taken, Ok(())) | (Verdict::Untried, _) => return,
        (Verdict::Refused(words), Err(said)) if said.contains(words) => return,
        (Verdict::Taken, Err(said)) => format!("refused: {said}"),
        (Verdict::Refused(_), Ok(())) => "taken".to_owned(),
        (Verdict::Refused(words), Err(said)) => format!("{words:?} is missing in {said}"),
    };
    wrong.push(format!("{} as {role}: {told}", row.name));
}

fn settle(wrong: &[String]) {
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn r48_r54_each_certificate_is_taken_or_refused_as_teals_own_and_check_says_the_same() {
    let (made, target) = (Made::make(), Target::start("blue"));
    let mut wrong = Vec::new();
    for row in ROWS {
        let pair = format!(
            "[[certificate]]\ncert = '{}'\nkey = '{}'",
            made.cert(row).display(),
            made.key(row).display()
        );
        let settings = Settings::of_urls(&[&target.url()], &["http://127.0.0.1:1"]);
        let settings = settings.listener_key("tls", "true").extra(&pair);
        let mut teal = Teal::prepare(TEAL, &settings);
        let config = teal.config().display().to_string();
        let checked = teal.cli_bare(&["check", "--config", &config], &[]);
        let found = if checked.code == Some(0) { Ok(()) } else { Err(checked.all()) };
        let taken = found.is_ok();
        compare(&mut wrong, row, "Teal's own", row.own, &found);
        if taken {
            teal.start_again();
            if !Version::BOTH.iter().all(|version| curl(teal.listener(), row.asked, *version, None))
            {
                wrong.push(format!("{}: `teal check` takes it, curl gets no answer", row.name));
            }
        }
    }
    settle(&wrong);
}

#[test]
fn r48_r54_each_certificate_is_taken_or_refused_as_that_of_a_target() {
    // L9
    let made = Made::make();
    let rows = ROWS.iter().filter(|row| !matches!(row.target, Verdict::Untried));
    // TLS 1.2 ties the curve of a certificate to those of the key exchange, which P-521 is not among.
    let is_tied =
        |(row, version): &(&Row, Version)| row.name == "p-521" && matches!(version, Version::Tls12);
    let each = rows.flat_map(|row| Version::BOTH.map(|version| (row, version)));
    let each = each.filter(|one| !is_tied(one));
    let served: Vec<_> =
        each.map(|(row, version)| (row, version, Served::start(&made, row, version))).collect();
    let mut services = String::new();
    for (row, version, front) in &served {
        let name = version.name(row);
        let _ = writeln!(
            services,
            "[[service]]\nname = '{name}'\nhosts = ['{name}.test']\ngreen = {{ targets = \
             ['http://127.0.0.1:1'] }}\nblue = {{ targets = ['https://{}:{}'], tls = {{ ca = '{}' }} \
             }}\nhealth = {{ path = '/', interval = '200ms' }}",
            row.host,
            front.port,
            made.ca(row).display()
        );
    }
    let settings = Settings::of_urls(&["http://127.0.0.1:1"], &["http://127.0.0.1:2"]);
    let teal = Teal::start(TEAL, &settings.extra(&services));
    let mut wrong = Vec::new();
    for (row, version, _) in &served {
        let name = version.name(row);
        let probe = wait_for(SOON * 4, "a probe", || {
            let status = teal.status();
            let services = status["services"].as_array().expect("services");
            let service = services.iter().find(|one| one["name"] == *name).expect("it is there");
            let probe = service["colors"]["blue"]["targets"][0]["last_probe"].clone();
            // Dozens of servers are asked at once.
            let late = probe["reason"].as_str().is_some_and(|why| why.contains("timed out"));
            (!probe.is_null() && !late).then_some(probe)
        });
        let said = probe["reason"].as_str().unwrap_or_default().to_owned();
        let found = if probe["ok"] == true { Ok(()) } else { Err(said) };
        compare(&mut wrong, row, &format!("a target's over {version:?}"), row.target, &found);
    }
    settle(&wrong);
}

#[test]
fn r48_teal_can_present_a_certificate_of_version_1_to_a_target() {
    // L9
    let made = Made::make();
    let shown = ROWS.iter().find(|row| row.name == "self-signed-v1").expect("a row");
    let fronts = Version::BOTH
        .map(|version| Served::asking(&made, &ROWS[0], version, Some(&made.ca(shown))));
    let color = |front: &Served| {
        format!(
            "{{ targets = ['https://localhost:{}'], tls = {{ ca = '{}', cert = '{}', key = '{}' }} }}",
            front.port,
            made.ca(&ROWS[0]).display(),
            made.cert(shown).display(),
            made.key(shown).display()
        )
    };
    let settings = Settings::of_urls(&["http://127.0.0.1:1"], &["http://127.0.0.1:2"])
        .service("blue", &color(&fronts[0]))
        .service("green", &color(&fronts[1]))
        .service("health", "{ path = '/', interval = '200ms' }");
    let teal = Teal::start(TEAL, &settings);
    teal.wait_healthy("blue", true);
    teal.wait_healthy("green", true);
}

#[test]
fn r48_r54_each_certificate_is_taken_or_refused_as_that_of_a_client() {
    let made = Made::make();
    let target = Target::start("blue");
    let rows: Vec<_> = ROWS.iter().filter(|row| !matches!(row.client, Verdict::Untried)).collect();
    let own = &ROWS[0];
    let mut extra = format!(
        "[[certificate]]\ncert = '{}'\nkey = '{}'\n",
        made.cert(own).display(),
        made.key(own).display()
    );
    for row in &rows {
        let _ = writeln!(
            extra,
            "[[listener]]\naddress = '127.0.0.1:0'\ntls = true\nclient_auth = {{ ca = '{}' }}",
            made.ca(row).display()
        );
    }
    let settings = Settings::of_urls(&[&target.url()], &["http://127.0.0.1:1"]).extra(&extra);
    let teal = Teal::start(TEAL, &settings);
    let status = teal.status();
    let listeners = status["listeners"].as_array().expect("listeners");
    let mut wrong = Vec::new();
    for (row, address) in rows.iter().zip(&listeners[1..]) {
        let address = address.as_str().and_then(|at| at.parse().ok()).expect("an address");
        for version in Version::BOTH {
            let before = teal.log().len();
            let shown = (made.cert(row), made.key(row));
            let ask = || curl(address, own.asked, version, Some((&shown.0, &shown.1)));
            let found = if ask() { Ok(()) } else { Err(refusal(&teal, before, ask)) };
            compare(&mut wrong, row, &format!("a client's over {version:?}"), row.client, &found);
        }
    }
    settle(&wrong);
}

/// Returns the log's lines about a client since it had this length. They appear once a second, so it is asked
/// for again.
fn refusal(teal: &Teal, before: usize, ask: impl Fn() -> bool) -> String {
    wait_for(SOON, "the refusal in the log", || {
        assert!(!ask(), "it was refused, and is taken now");
        let log = teal.log();
        let new = log.get(before..).unwrap_or_default();
        new.lines().rev().find(|line| line.contains("handshake")).map(str::to_owned)
    })
}
