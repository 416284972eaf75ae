//! `examples/deploy-command` with the real Teal: two versions, one after the other.

use std::fs;
use std::path::Path;
use std::time::Duration;

use testkit::{CliResult, Client, Settings, Teal, free_port};

use crate::{TEAL, read};

/// The time that a deploy of the example takes at most.
const DEPLOYED_WITHIN: Duration = Duration::from_secs(60);

/// The example in a directory of its own, at ports of its own.
struct Example {
    teal: Teal,
}

impl Example {
    fn start() -> Self {
        let mut text = read("examples/deploy-command/teal.toml");
        for port in ["8080", "8081", "8082"] {
            text = text.replace(port, &free_port().to_string());
        }
        let text = text.replace("state_dir", "admin.listen = \"127.0.0.1:0\"\nstate_dir");
        let mut teal = Teal::prepare(TEAL, &Settings::of_urls(&[], &[]));
        teal.write_config(&text);
        let directory = teal.config().parent().expect("it is in a directory").to_owned();
        let app = read("examples/deploy-command/app.py");
        fs::write(directory.join("app.py"), app).expect("it can be written");
        teal.start_again();
        Self { teal }
    }

    /// `teal deploy` as the example says: it finds Teal by the configuration.
    fn deploy(&self, version: &str) -> CliResult {
        let config = self.teal.config().display().to_string();
        let arguments = ["deploy", "web", "--version", version, "--config", &config];
        testkit::run(Path::new(TEAL), arguments, &[], DEPLOYED_WITHIN)
    }

    fn version(&self) -> String {
        Client::connect(self.teal.listener()).get("/").text()
    }
}

#[test]
fn two_versions_are_deployed_as_the_example_says() {
    let example = Example::start();
    for (version, color) in [("v1", "green"), ("v2", "blue")] {
        let deployed = example.deploy(version);
        deployed.assert_code(0);
        assert!(deployed.stdout.contains("succeeded ("), "{}", deployed.stdout);
        assert_eq!(example.teal.active(), color);
        assert_eq!(example.version(), format!("version {version}\n"));
    }
    example.teal.assert_books_balance();
}
