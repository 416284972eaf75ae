//! The five minutes of the README, each block pasted as a whole.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use testkit::wait_until;

use crate::TEAL;
use crate::own_network::is_inside;

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");

/// Blocks of a section: what is typed, and what is shown below it.
fn blocks(section: &str) -> Vec<(String, Vec<String>)> {
    let readme = fs::read_to_string(README).expect("the README");
    let section = readme.split(section).nth(1).and_then(|rest| rest.split("\n## ").next());
    let parts = section.expect("the section").split("```");
    let blocks = parts.skip(1).step_by(2).filter_map(|block| block.strip_prefix("console\n"));
    let read = |block: &str| {
        let typed = block.lines().filter_map(|line| line.strip_prefix("$ "));
        let shown = block.lines().filter(|line| !line.starts_with("$ "));
        (typed.flat_map(|line| [line, "\n"]).collect(), shown.map(ToOwned::to_owned).collect())
    };
    blocks.map(read).collect()
}

#[test]
fn r74_the_blocks_of_the_readme_do_what_they_say_when_pasted_whole() {
    let test = "r74_the_blocks_of_the_readme_do_what_they_say_when_pasted_whole";
    // Its ports are those that everything has.
    if !is_inside(module_path!(), test, "127.0.0.1 localhost\n", "hosts: files", "true") {
        return;
    }
    let blocks = blocks("## Five minutes to your first switch");
    let [(install, _), (servers, _), (run, _), (switch, switched), (broken, refused)] = &blocks[..]
    else {
        panic!("five blocks: {blocks:?}")
    };
    assert!(install.starts_with("cargo install"), "{install}"); // TEAL is that
    assert_eq!(run, "teal run\n");
    let home = tempfile::tempdir().expect("a directory");
    let bin = std::path::Path::new(TEAL).parent().expect("a directory");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let shell = |script: &str| {
        let mut bash = Command::new("bash");
        bash.args(["--norc", "-mc", script]).current_dir(home.path());
        bash.env("HOME", home.path()).env("PATH", &path).env_remove("STATE_DIRECTORY");
        bash.env_remove("XDG_STATE_HOME").env_remove("TEAL_ADMIN").env_remove("TEAL_TOKEN");
        bash
    };
    let log = fs::File::create(home.path().join("log")).expect("a file");
    let mut teal = shell(&format!("exec {run}")).stderr(log).spawn().expect("started");
    wait_until(Duration::from_secs(20), "Teal serves", || {
        shell("teal status")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|s| s.success())
    });
    // One after the other in one shell, as in a terminal; its servers end with it.
    // Step 3 lies between them, so that the servers are up.
    let up = "until curl -sfo /dev/null http://127.0.0.1:8081/health \\\n\
              && curl -sfo /dev/null http://127.0.0.1:8082/health; do sleep 0.1; done\n";
    let script = format!("{servers}{up}{switch}{broken}kill $(jobs -p)\n");
    let out = shell(&format!("{script} exit 0")).output().expect("bash runs");
    let said = [&out.stdout, &out.stderr].map(|said| String::from_utf8_lossy(said).into_owned());
    let _ = rustix::process::kill_process(
        rustix::process::Pid::from_child(&teal),
        rustix::process::Signal::TERM,
    );
    teal.wait().expect("it ends");
    for line in switched.iter().chain(refused) {
        let there = said.iter().any(|said| said.lines().any(|said| said == line));
        assert!(there, "{line:?} is missing in {}{}", said[0], said[1]);
    }
    assert!(said[0].contains("Active: green"), "{}", said[0]);
}
