//! The next steps: what to do with the files.

use super::unit;
use crate::answer::{Answers, CONFIG, Place, Runner, Tls};

/// The next steps, to be taken in the directory of the files.
pub fn next_steps(answers: &Answers, place: &Place) -> Vec<String> {
    let mut steps = Vec::new();
    match &answers.runner {
        Runner::Systemd(line) => {
            steps.push(format!("put the program in its place: {line}"));
            let name = unit::name(answers);
            let service = &answers.service;
            steps.push(format!("cp {name} /etc/systemd/system/ && systemctl daemon-reload"));
            steps.push(format!("systemctl enable {service}@blue {service}@green"));
        }
        Runner::Hooks(line) | Runner::Command(line) => {
            steps.push(format!("put the program in its place, seen from here: {line}"));
        }
        Runner::Docker(image) | Runner::Compose(image) => {
            steps.push(format!("build or pull the first image: {image}"));
        }
    }
    if let Tls::Acme { .. } = answers.tls {
        let hosts = answers.hosts.join(", ");
        steps.push(format!("let {hosts} lead to this machine, ports 80 and 443"));
    }
    steps.push(if place.is_of_the_unit() {
        "systemctl enable --now teal".to_owned()
    } else {
        format!("teal run --config {CONFIG}")
    });
    steps.push("./deploy.sh v1".to_owned());
    steps
}
