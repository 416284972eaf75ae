//! The guides, as they are written: each command of `docs/guide/operate.md` and `docs/guide/deploy.md` is run
//! as root where the shipped unit is, and shows what the guide says that it shows.
//!
//! Commands are taken from the blocks marked `console`, in their order, so that a new one cannot be
//! forgotten. Figures may differ: each number counts as any other.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use testkit::{CliResult, wait_for_ok, wait_until};

use super::boot::{boot, install_program, is_inside, systemctl};
use super::journal;
use crate::setup::SOON;
use crate::upgrade::LEFT;

pub(super) const OPERATE: &str = include_str!("../../../../../docs/guide/operate.md");
const DEPLOY: &str = include_str!("../../../../../docs/guide/deploy.md");

/// The time limit for a command.
const WITHIN: Duration = Duration::from_secs(60);

/// The application of the guides: `app@blue` and `app@green`.
const APP: &str = "[Unit]\nDescription=the application\n[Service]\nExecStart=/bin/sh -c 'case %i in blue) port=8081;; \
    *) port=8082;; esac; tail -f /dev/null | /usr/local/bin/teal demo-target --listen 127.0.0.1:$port --version %i'\n";

/// A command of a guide, and the lines that it shows.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shown {
    /// The heading that it stands under.
    pub(super) heading: String,
    pub(super) command: String,
    lines: Vec<String>,
}

/// The commands of a guide, in their order.
pub(super) fn commands(guide: &str) -> Vec<Shown> {
    let (mut found, mut heading, mut inside) = (Vec::<Shown>::new(), String::new(), false);
    for line in guide.lines() {
        if let Some(text) = line.strip_prefix("## ").filter(|_| !inside) {
            text.clone_into(&mut heading);
        } else if line.starts_with("```") {
            inside = line == "```console";
        } else if inside && let Some(command) = line.strip_prefix("$ ") {
            let (heading, command) = (heading.clone(), command.to_owned());
            found.push(Shown { heading, command, lines: Vec::new() });
        } else if inside && let Some(shown) = found.last_mut() {
            shown.lines.push(line.to_owned());
        }
    }
    found
}

/// A line in which each number is the same.
fn without_numbers(line: &str) -> String {
    let mut text = String::new();
    for character in line.trim().chars() {
        match character {
            '0'..='9' if text.ends_with('0') => {}
            '0'..='9' => text.push('0'),
            other => text.push(other),
        }
    }
    text
}

pub(super) fn shell(command: &str) -> CliResult {
    testkit::run(Path::new("bash"), ["-c", command], &[], WITHIN)
}

/// One service, with previews where the guide shows them, or the two of the group.
fn configure(heading: &str) {
    let group = heading.starts_with("Several services");
    let preview =
        if heading.starts_with("Let testers") { "preview = { token = true }\n" } else { "" };
    let service = |name: &str, host: &str| {
        format!(
            "[[service]]\nname = \"{name}\"\nhosts = [{host}]\nblue = {{ targets = [\"http://127.0.0.1:8081\"] }}\n\
             green = {{ targets = [\"http://127.0.0.1:8082\"] }}\n\
             health = {{ path = \"/health\", interval = \"200ms\", fast_interval = \"50ms\" }}\n{preview}"
        )
    };
    let mut text = service("web", "");
    if group {
        text += &service("api", "\"api.test\"");
        text += "[[group]]\nname = \"shop\"\nservices = [\"web\", \"api\"]\n";
    }
    fs::write("/etc/teal/teal.toml", text).expect("a file");
}

/// The state that a reader of the guide has reached: Teal running, blue active, both colors healthy.
fn prepare(heading: &str) {
    configure(heading);
    shell("systemctl start app@blue app@green teal && teal reload").assert_code(0);
    shell("teal switch blue"); // which ends its retirement, if the last section retired it
    let healthy = || {
        let status = shell("teal status").stdout;
        let up = |word: &str| status.lines().filter(|line| line.starts_with(word)).count();
        let all = up("Active: ");
        all > 0 && up("Blue healthy: true") == all && up("Green healthy: true") == all
    };
    wait_until(LEFT, "both colors are healthy", healthy);
    let back = if heading.starts_with("Several") { "--group shop" } else { "" };
    shell(&format!("teal switch blue {back}")).assert_code(0);
}

/// Runs one, and compares what it shows.
#[track_caller]
fn check(guide: &str, shown: &Shown) {
    let ran = shell(&shown.command);
    let all = ran.all();
    assert_eq!(ran.code, Some(0), "{guide}: `{}` fails: {all}", shown.command);
    let actual: Vec<String> = all.lines().map(without_numbers).collect();
    for line in shown.lines.iter().filter(|line| !line.trim().is_empty()) {
        let expected = without_numbers(line);
        assert!(
            actual.contains(&expected),
            "{guide}: `{}` does not show {line:?}, but\n{all}",
            shown.command
        );
    }
}

#[test]
fn every_command_of_the_guides_is_found() {
    let shown = commands(
        "## One\n```console\n$ a  # b\nc\n\nd\n$ e\n```\n```toml\n$ f\n```\n## Two\n```console\n$ g\n```\n",
    );
    let of = |heading: &str, command: &str, lines: &[&str]| Shown {
        heading: heading.to_owned(),
        command: command.to_owned(),
        lines: lines.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(
        shown,
        [of("One", "a  # b", &["c", "", "d"]), of("One", "e", &[]), of("Two", "g", &[])]
    );
    assert_eq!(without_numbers(" Teal 0.2.0 as 4711 "), "Teal 0.0.0 as 0");
    for guide in [OPERATE, DEPLOY] {
        assert!(commands(guide).len() > 5);
        assert_eq!(
            guide.matches("\n$ ").count(),
            commands(guide).len(),
            "one is not in a console block"
        );
    }
}

#[test]
fn the_commands_of_the_guides_do_what_they_say_in_the_shipped_unit() {
    if !is_inside() {
        let test = concat!(
            module_path!(),
            "::the_commands_of_the_guides_do_what_they_say_in_the_shipped_unit"
        );
        let application = ("app@.service".to_owned(), APP.to_owned());
        let units = [vec![application], journal::units()].concat();
        return boot(test.split_once("::").expect("the name of the crate").1, &units);
    }
    install_program();
    configure("");
    journal::start();
    systemctl(&["start", "app@blue", "app@green"]);
    std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .expect("the guides are read in the repository");
    for shown in commands(OPERATE) {
        // The installation is what everything else builds on.
        if !shown.heading.starts_with("Install") {
            prepare(&shown.heading);
        } else if shown.command == "teal status" {
            wait_for_ok(SOON, "blue is healthy", || {
                let status = shell("teal status; systemctl status --no-pager 'app@*' teal").all();
                status.contains("Blue healthy: true").then_some(()).ok_or(status)
            });
        }
        check("operate.md", &shown);
    }
    let mut heading = None;
    for shown in commands(DEPLOY) {
        if heading.as_ref() != Some(&shown.heading) {
            prepare(&shown.heading);
            heading = Some(shown.heading.clone());
        }
        check("deploy.md", &shown);
    }
    in_the_journal();
    // And it is what was shipped that did all this.
    let state =
        Command::new("systemctl").args(["show", "--property=User,NRestarts", "teal"]).output();
    let state = String::from_utf8_lossy(&state.expect("systemctl").stdout).into_owned();
    assert!(state.contains("User=teal") && state.contains("NRestarts=0"), "{state}");
}

/// Each line has its priority, and the time of the journal alone.
fn in_the_journal() {
    fs::write("/etc/teal/teal.toml", "nothing = 1\n").expect("a file");
    assert_ne!(shell("systemctl reload teal").code, Some(0));
    let entries = || {
        let read = shell("journalctl --sync; journalctl --unit teal --output json").stdout;
        let entry = |line: &str| serde_json::from_str::<serde_json::Value>(line).ok();
        read.lines().filter_map(entry).collect::<Vec<_>>()
    };
    let priority = |entries: &[serde_json::Value], word: &str| {
        let has = |entry: &&serde_json::Value| {
            entry["MESSAGE"].as_str().is_some_and(|text| text.contains(word))
        };
        entries.iter().find(has).and_then(|entry| entry["PRIORITY"].as_str().map(str::to_owned))
    };
    wait_until(SOON, "the journal has the refusal", || {
        priority(&entries(), "nothing is not a key")
            .or(priority(&entries(), "reload_problems"))
            .is_some()
    });
    let entries = entries();
    assert_eq!(priority(&entries, "listening on").as_deref(), Some("6"), "{entries:?}");
    assert_eq!(priority(&entries, "reload_problems").as_deref(), Some("4"), "{entries:?}");
    let timed = |entry: &&serde_json::Value| {
        let text = entry["MESSAGE"].as_str().unwrap_or_default();
        entry["_COMM"] == "teal" && (text.starts_with("20") || text.starts_with('<'))
    };
    assert_eq!(entries.iter().find(timed), None);
}
