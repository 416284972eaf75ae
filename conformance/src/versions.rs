//! The versions of everything involved.

use std::fs;
use std::time::Duration;

use crate::place::Place;
use crate::process::{run, words};

const SAID_WITHIN: Duration = Duration::from_secs(30);

/// The version from the source `how`: a command that prints it on its first line, `pip:NAME`, `deb:NAME`, or
/// `crate:NAME` from the lock file.
pub(crate) fn version(place: &Place, how: &str) -> String {
    let found = match how.split_once(':') {
        Some(("pip", name)) => pinned(place, name),
        Some(("crate", name)) => locked(place, name),
        Some(("deb", name)) => {
            let mut command = words("dpkg-query --showformat=${Version} --show");
            command.push(name.to_owned());
            first_line(place, &command)
        }
        _ => first_line(place, &words(how)),
    };
    found.unwrap_or_else(|| "unknown".to_owned())
}

fn first_line(place: &Place, command: &[String]) -> Option<String> {
    let (_, said) = run(command, &place.variables(), SAID_WITHIN).ok()?;
    // A shell that starts the program may print a warning first, with its own name in front.
    let mut lines = said.lines().map(str::trim);
    Some(lines.find(|line| !line.is_empty() && !line.starts_with('/'))?.to_owned())
}

fn pinned(place: &Place, name: &str) -> Option<String> {
    let text = fs::read_to_string(place.sources.join("requirements.txt")).ok()?;
    let line = text.lines().find_map(|line| {
        let (package, version) = line.split_once("==")?;
        (package.split('[').next() == Some(name)).then(|| version.to_owned())
    })?;
    Some(format!("{name} {line}"))
}

fn locked(place: &Place, name: &str) -> Option<String> {
    let text = fs::read_to_string(place.sources.join("../Cargo.lock")).ok()?;
    let (_, after) = text.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    Some(format!("{name} {}", after.split('"').next()?))
}
