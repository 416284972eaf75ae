//! The facts needed to interpret figures: processor, kernel, versions, effort.

use std::fmt;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use crate::peers::beside;
use crate::rows::Effort;

/// The machine and the versions of a measurement.
#[derive(Debug)]
pub(crate) struct Machine {
    facts: Vec<(&'static str, String)>,
}

impl Machine {
    pub(crate) fn look(effort: Effort) -> Result<Self> {
        let processors = fs::read_to_string("/proc/cpuinfo")?;
        let model = processors.lines().find_map(|line| line.strip_prefix("model name"));
        let model = model.unwrap_or_default().trim_start_matches([' ', '\t', ':']);
        let cores = processors.lines().filter(|line| line.starts_with("processor")).count();
        let load = fs::read_to_string("/proc/loadavg")?;
        Ok(Self {
            facts: vec![
                (
                    "processor",
                    format!(
                        "{model}, {cores} cores; the proxy on one, backend and load on another"
                    ),
                ),
                ("kernel", fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned()),
                ("load average before", load.split(' ').take(3).collect::<Vec<_>>().join(" ")),
                ("Teal", first_line(&[&beside("teal")?, "--version"])?),
                ("nginx", first_line(&["nginx", "-v"])?),
                ("HAProxy", first_line(&["haproxy", "-v"])?),
                ("wrk", first_line(&["wrk", "-v"])?),
                ("compiler", first_line(&["rustc", "--version"])?),
                (
                    "effort",
                    format!(
                        "{} rounds of {} s, interleaved, the order rotating",
                        effort.rounds, effort.seconds
                    ),
                ),
            ],
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.facts.iter().try_for_each(|(name, value)| writeln!(f, "- {name}: {value}"))
    }
}

/// The first line of a program's output, on either stream.
fn first_line(command: &[&str]) -> Result<String> {
    let [program, arguments @ ..] = command else { return Ok(String::new()) };
    let output = Command::new(program).args(arguments).output().with_context(|| {
        format!("{program} can't be run; `make bench` installs what is missing")
    })?;
    let said = [output.stdout, output.stderr].concat();
    Ok(String::from_utf8_lossy(&said).lines().next().unwrap_or_default().trim().to_owned())
}
