//! What is written deploys: two versions of an application, one after the other, by the script that was written.

use std::fs;
use std::path::Path;
use std::time::Duration;

use testkit::{Client, Settings, Teal, free_port};

use crate::{TEAL, init};

/// The time that a deploy takes at most.
const DEPLOYED_WITHIN: Duration = Duration::from_secs(60);

/// Writes the files for this runner, starts Teal with them, and deploys twice.
fn deploy_twice(runner: &str) -> Teal {
    let mut teal = Teal::prepare(TEAL, &Settings::of_urls(&[], &[]));
    let directory = teal.config().parent().expect("a directory").to_owned();
    fs::remove_file(teal.config()).expect("removed");
    let app = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/app.py");
    fs::copy(app, directory.join("app.py")).expect("copied");
    let [listen, blue, green] = [(); 3].map(|()| free_port().to_string());
    let flags = [
        "--yes",
        "--runner",
        runner,
        "--listen",
        &*format!("127.0.0.1:{listen}"),
        "--blue",
        &*blue,
        "--green",
        &*green,
        "--command",
        "python3 app.py --port {port} --version {version}",
    ];
    init(&directory, &flags).assert_code(0);
    // The one thing that tests beside each other cannot share.
    let text = fs::read_to_string(teal.config()).expect("written");
    teal.write_config(&format!("admin.listen = \"127.0.0.1:0\"\n{text}"));
    teal.start_again();
    for (version, color) in [("v1", "green"), ("v2", "blue")] {
        let programs = Path::new(TEAL).parent().expect("a directory").display().to_string();
        let path = format!("{programs}:{}", std::env::var("PATH").unwrap_or_default());
        let script = directory.join("deploy.sh");
        let deployed = testkit::run(&script, [version], &[("PATH", &path)], DEPLOYED_WITHIN);
        deployed.assert_code(0);
        assert_eq!(teal.active(), color);
        let answer = Client::connect(teal.listener()).get("/").text();
        assert_eq!(answer, format!("version {version}\n"));
    }
    teal.assert_books_balance();
    teal
}

#[test]
fn the_files_for_a_command_deploy_two_versions() {
    deploy_twice("command");
}

#[test]
fn the_files_for_hooks_deploy_two_versions() {
    let teal = deploy_twice("hooks");
    for color in ["blue", "green"] {
        let stop = teal.config().with_file_name("hooks").join("stop");
        testkit::run(&stop, [""; 0], &[("TEAL_COLOR", color)], DEPLOYED_WITHIN).assert_code(0);
    }
}
