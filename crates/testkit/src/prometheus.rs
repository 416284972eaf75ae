//! A real Prometheus, which scrapes a Teal and answers queries.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::{free_address, run};

const ANSWERED_WITHIN: Duration = Duration::from_secs(30);

/// A running Prometheus that scrapes one target, as the job `teal`, every second.
#[derive(Debug)]
pub struct Prometheus {
    child: Child,
    address: String,
    _directory: tempfile::TempDir,
}

impl Prometheus {
    /// Starts the one of the system, with this file of rules.
    #[track_caller]
    pub fn start(target: &str, rules: &Path) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let config = directory.path().join("prometheus.yml");
        fs::write(
            &config,
            format!(
                "global: {{ scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }}\n\
                 rule_files: ['{}']\n\
                 scrape_configs:\n\
                 - job_name: teal\n  static_configs: [{{ targets: ['{target}'] }}]\n",
                rules.display()
            ),
        )
        .expect("a file");
        let address = free_address().to_string();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", directory.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus is installed");
        Self { child, address, _directory: directory }
    }

    /// Its answer at this path; `None` before it serves.
    pub fn get(&self, path: &str) -> Option<Value> {
        self.ask(path).ok().flatten()
    }

    /// The result of an expression; `None` before it serves.
    ///
    /// # Errors
    /// What is wrong with the expression.
    pub fn query(&self, expression: &str) -> Result<Option<Value>, String> {
        let encoded =
            expression.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
        self.ask(&format!("/api/v1/query?query={encoded}"))
    }

    /// The first value of an expression.
    pub fn value(&self, expression: &str) -> Option<f64> {
        let data = self.query(expression).ok()??;
        data["result"][0]["value"][1].as_str()?.parse().ok()
    }

    fn ask(&self, path: &str) -> Result<Option<Value>, String> {
        let url = format!("http://{}{path}", self.address);
        let said = run(Path::new("curl"), ["-sg", "--max-time", "5", &*url], &[], ANSWERED_WITHIN);
        let Ok(json) = serde_json::from_str::<Value>(&said.stdout) else { return Ok(None) };
        match json["status"].as_str() {
            Some("success") => Ok(Some(json["data"].clone())),
            _ => Err(json["error"].as_str().unwrap_or("no reason is given").to_owned()),
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill(); // may have ended
        let _ = self.child.wait();
    }
}
