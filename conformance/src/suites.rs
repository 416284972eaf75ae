//! Third-party test suites, each against its own Teal.

mod desync;
mod h2load;
mod schemathesis;
mod slowhttptest;
mod testssl;

use std::path::Path;

use anyhow::Result;
use testkit::{Behavior, Pki, Settings, Target, Teal};

use crate::place::Place;
use crate::process::free_port;

/// Result of one suite.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) suite: &'static str,
    pub(crate) version: String,
    /// A description of the test.
    pub(crate) tried: String,
    /// Its findings, in brief.
    pub(crate) said: String,
    pub(crate) passed: bool,
}

/// A suite by its name.
pub(crate) struct Suite {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&Place, &Path) -> Result<Vec<Verdict>>,
}

/// All of them, in the order of the report.
pub(crate) const SUITES: [Suite; 5] = [
    Suite { name: "testssl", run: testssl::run },
    Suite { name: "schemathesis", run: schemathesis::run },
    Suite { name: "desync", run: desync::run },
    Suite { name: "slowhttptest", run: slowhttptest::run },
    Suite { name: "h2load", run: h2load::run },
];

/// A Teal with a plain and a TLS listener, in front of two recording targets.
#[derive(Debug)]
struct Stand {
    teal: Teal,
    secure: u16,
    pki: Pki,
    targets: [Target; 2],
}

impl Stand {
    /// Starts it; `timeouts` are those of the service.
    fn start(place: &Place, work: &Path, timeouts: &str) -> Result<Self> {
        let directory = tempfile::tempdir_in(work)?.keep();
        let pki = Pki::new(&directory);
        let pair = pki.issue_as_public("localhost", &["localhost"]);
        let secure = free_port()?;
        let targets = [Target::start("blue"), Target::start("green")];
        let mut settings =
            Settings::new(&targets[0], &targets[1]).listener_key("http2", "true").extra(&format!(
                "[[listener]]\naddress = \"127.0.0.1:{secure}\"\ntls = true\nhsts = 31536000\n\n\
             [[certificate]]\ncert = '{}'\nkey = '{}'\n",
                pair.cert.display(),
                pair.key.display()
            ));
        if !timeouts.is_empty() {
            settings = settings.timeouts(timeouts);
        }
        let teal = Teal::start_healthy(&place.teal.display().to_string(), &settings);
        Ok(Self { teal, secure, pki, targets })
    }

    /// Gives the targets a path with a long body.
    fn serve_large(&self, path: &str) {
        for target in &self.targets {
            let bytes = 100_000_000;
            let pause = std::time::Duration::ZERO;
            target.behave_at(path, Behavior::Download { bytes, chunked: false, pause });
        }
    }
}
