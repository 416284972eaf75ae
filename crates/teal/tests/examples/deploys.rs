//! The examples of deploys without a service manager, with the real Teal: two versions, one after the other, by the script
//! of the example. Those with systemd and Docker are run end to end, where these are.

use std::fs;
use std::path::Path;
use std::time::Duration;

use testkit::{CliResult, Client, Settings, Teal, free_port};

use crate::{TEAL, file, read};

/// The time that a deploy of an example takes at most.
const DEPLOYED_WITHIN: Duration = Duration::from_secs(60);

/// An example in a directory of its own, at ports of its own.
struct Example {
    teal: Teal,
}

impl Example {
    fn start(name: &str) -> Self {
        let mut text = read(&format!("examples/{name}/teal.toml"));
        for port in ["8080", "8081", "8082"] {
            text = text.replace(port, &free_port().to_string());
        }
        let text = text.replace("state_dir", "admin.listen = \"127.0.0.1:0\"\nstate_dir");
        let mut teal = Teal::prepare(TEAL, &Settings::of_urls(&[], &[]));
        teal.write_config(&text);
        let directory = teal.config().parent().expect("it is in a directory").to_owned();
        for entry in fs::read_dir(file(&format!("examples/{name}"))).expect("the example") {
            let path = entry.expect("a file").path();
            if path.file_name() != Some("teal.toml".as_ref()) {
                let to = directory.join(path.file_name().expect("a name"));
                fs::copy(&path, to).expect("it can be copied");
            }
        }
        fs::write(directory.join("app.py"), read("examples/app.py")).expect("it can be written");
        Self::adapt(&directory);
        teal.start_again();
        Self { teal }
    }

    /// The application is beside the copy of the example, since what is above its directory belongs to others.
    fn adapt(directory: &Path) {
        for name in ["teal.toml", "start"] {
            let path = directory.join(name);
            let Ok(text) = fs::read_to_string(&path) else { continue };
            fs::write(&path, text.replace("../app.py", "app.py")).expect("it can be written");
        }
    }

    /// The example's script with this Teal in `PATH`; it finds Teal by the configuration.
    fn deploy(&self, version: &str) -> CliResult {
        let config = self.teal.config();
        let script = config.with_file_name("deploy.sh");
        let programs = Path::new(TEAL).parent().expect("a directory").display().to_string();
        let path = format!("{programs}:{}", std::env::var("PATH").unwrap_or_default());
        testkit::run(&script, [version], &[("PATH", &path)], DEPLOYED_WITHIN)
    }

    fn version(&self) -> String {
        Client::connect(self.teal.listener()).get("/").text()
    }

    fn deploy_two_versions(&self) {
        for (version, color) in [("v1", "green"), ("v2", "blue")] {
            let deployed = self.deploy(version);
            deployed.assert_code(0);
            assert!(deployed.stdout.contains("succeeded ("), "{}", deployed.stdout);
            assert_eq!(self.teal.active(), color);
            assert_eq!(self.version(), format!("version {version}\n"));
        }
        self.teal.assert_books_balance();
    }
}

#[test]
fn two_versions_are_deployed_by_a_supervisor_of_teal() {
    Example::start("deploy-command").deploy_two_versions();
}

#[test]
fn two_versions_are_deployed_by_hooks() {
    let example = Example::start("deploy-hooks");
    example.deploy_two_versions();
    let directory = example.teal.config().with_file_name("");
    for color in ["blue", "green"] {
        let stop = [("TEAL_COLOR", color)];
        testkit::run(&directory.join("stop"), [""; 0], &stop, DEPLOYED_WITHIN).assert_code(0);
    }
}

#[test]
fn a_script_without_a_version_says_what_to_write() {
    for name in ["deploy-command", "deploy-hooks", "deploy-systemd", "deploy-docker"] {
        let script = file(&format!("examples/{name}/deploy.sh"));
        let said = testkit::run(&script, [""; 0], &[], DEPLOYED_WITHIN);
        assert!(said.stderr.contains("write: deploy.sh VERSION"), "{name}: {said:?}");
        assert!(read(&format!("examples/{name}/deploy.sh")).lines().count() <= 10, "{name}");
        let config = file(&format!("examples/{name}/teal.toml")).display().to_string();
        testkit::run(Path::new(TEAL), ["check", "--config", &config], &[], DEPLOYED_WITHIN)
            .assert_code(0);
    }
}

#[test]
fn the_configurations_of_the_guides_are_valid() {
    for name in ["moving/kamal-proxy", "moving/article"] {
        let config = file(&format!("examples/{name}/teal.toml")).display().to_string();
        testkit::run(Path::new(TEAL), ["check", "--config", &config], &[], DEPLOYED_WITHIN)
            .assert_code(0);
    }
}
