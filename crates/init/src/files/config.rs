//! `teal.toml`: what was chosen, each with its reason.

use std::fmt::Write as _;

use super::unit;
use crate::answer::{Answers, CONFIG, Place, Runner, Tls};
use crate::command_line;

/// The port that a program in a container listens on.
pub(super) const CONTAINER_PORT: u16 = 8080;

/// The column of the reasons, where a line is shorter.
const REASONS: usize = 52;

/// The text of the configuration.
pub(crate) fn config(answers: &Answers, place: &Place) -> String {
    let mut text = format!(
        "# Teal in front of the service {}. Look at a change with `teal check --config {}`,\n\
         # and put it in effect with `teal reload`. All keys are in docs/reference/config.md.\n",
        comment(&answers.service),
        CONFIG
    );
    text.push('\n');
    let (directory, where_it_is) = if place.is_of_the_unit() {
        ("/var/lib/teal", "in the directory of the shipped unit")
    } else {
        ("state", "beside this file")
    };
    let reason = format!("the journal, the admin socket and its token, {where_it_is}");
    line(&mut text, &format!("state_dir = {}", quoted(directory)), &reason);
    listeners(&mut text, answers);
    certificates(&mut text, answers);
    service(&mut text, answers);
    deploy(&mut text, answers);
    text
}

fn listeners(text: &mut String, answers: &Answers) {
    let address = answers.listener();
    text.push_str("\n[[listener]]\n");
    let plain = answers.tls == Tls::None;
    let reason = match (plain, address.strip_prefix("127.0.0.1:")) {
        (true, Some(port)) => format!("clients connect here; 0.0.0.0:{port} serves other machines"),
        _ => "clients connect here".to_owned(),
    };
    line(text, &format!("address = {}", quoted(&address)), &reason);
    if plain {
        return;
    }
    line(text, "tls = true", "with HTTP/2 for clients that have it");
    if let Some(every) = address.strip_suffix(":443") {
        text.push_str("\n[[listener]]\n");
        let plain = quoted(&format!("{every}:80"));
        line(text, &format!("address = {plain}"), "for clients that do not write https");
        line(text, "redirect_https = true", "nothing else is served here");
    }
}

fn certificates(text: &mut String, answers: &Answers) {
    match &answers.tls {
        Tls::None => {}
        Tls::Files { cert, key } => {
            text.push_str("\n[[certificate]]\n");
            let reason = "PEM: the certificate and the chain above it; read again when it changes";
            line(text, &format!("cert = {}", quoted(cert)), reason);
            line(text, &format!("key = {}", quoted(key)), "PEM: its private key, not encrypted");
        }
        Tls::Acme { email } => {
            text.push_str(
                "\n# Certificates of Let's Encrypt for the hosts below, ordered and renewed by Teal. By this table you\n\
                 # agree to its terms of service. It must reach this machine at port 443.\n[acme]\n",
            );
            if let Some(email) = email {
                let reason = "the CA may write here";
                line(text, &format!("email = {}", quoted(email)), reason);
            }
        }
    }
}

fn service(text: &mut String, answers: &Answers) {
    let [blue, green] = &answers.targets;
    text.push_str("\n[[service]]\n");
    let name = format!("name = {}", quoted(&answers.service));
    line(text, &name, "in commands, metrics and receipts");
    if !answers.hosts.is_empty() {
        let hosts: Vec<String> = answers.hosts.iter().map(|host| quoted(host)).collect();
        let hosts = format!("hosts = [{}]", hosts.join(", "));
        line(text, &hosts, "requests for any other host are answered 404");
    }
    for (color, target, reason) in [
        ("blue", blue, "one environment, which is active at first"),
        ("green", green, "the other one, where the first deploy goes"),
    ] {
        line(text, &format!("{color} = {{ targets = [{}] }}", quoted(target)), reason);
    }
    let reason = "no switch to a color that does not answer 2xx here";
    line(text, "health = { path = \"/health\" }", reason);
}

fn deploy(text: &mut String, answers: &Answers) {
    text.push_str("\n[service.deploy]\n");
    match &answers.runner {
        Runner::Hooks(_) => {
            let reason = "`teal deploy` calls these programs, beside this file";
            hooks(text, reason);
        }
        Runner::Compose(_) => {
            let reason = "`teal deploy` calls these programs, which call docker compose";
            hooks(text, reason);
        }
        Runner::Systemd(_) => {
            let reason = "`teal deploy` starts and stops units";
            line(text, "runner = \"systemd\"", reason);
            let name = unit::of_color(answers, "{color}");
            line(text, &format!("unit = {}", quoted(&name)), "one for each color");
            let file = quoted(&unit::environment(answers, "{color}"));
            let reason = "gets COLOR, VERSION and PORT before each start";
            line(text, &format!("env_file = {file}"), reason);
        }
        Runner::Docker(image) => {
            let reason = "`teal deploy` starts and stops containers";
            line(text, "runner = \"docker\"", reason);
            let reason = "{version} is that of the deploy";
            line(text, &format!("image = {}", quoted(image)), reason);
            let reason = "the port that the program listens on in its container";
            line(text, &format!("container_port = {CONTAINER_PORT}"), reason);
        }
        Runner::Command(command) => {
            let reason = "a supervisor of Teal keeps the program running";
            line(text, "runner = \"command\"", reason);
            let words = command_line::words(command).unwrap_or_default(); // an empty one is a problem
            let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
            let command = format!("command = [{}]", words.join(", "));
            line(text, &command, "it must stay in the foreground");
        }
    }
    let reason = "the old version stays up until the next deploy, for a rollback at once";
    line(text, "keep = \"until-next\"", reason);
}

fn hooks(text: &mut String, reason: &str) {
    line(text, "runner = \"hooks\"", reason);
    line(text, "start = \"hooks/start\"", "exits with 0 once the environment is started");
    line(text, "stop = \"hooks/stop\"", "exits with 0 once it is gone");
    line(text, "status = \"hooks/status\"", "exits with 0 if it runs and with 3 if it does not");
    line(text, "logs = \"hooks/logs\"", "prints its last lines, for the message of a failure");
}

/// A line with its reason behind it, in one column where it fits.
fn line(text: &mut String, line: &str, reason: &str) {
    let _never_fails = writeln!(text, "{line:<REASONS$}# {reason}");
}

/// A string of TOML, and of YAML.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                let _never_fails = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

/// Text within a comment.
fn comment(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}
