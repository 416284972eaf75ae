//! schemathesis on the admin API of a running Teal: requests generated from its OpenAPI document.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::{Stand, Verdict};
use crate::place::Place;
use crate::process::run as run_command;
use crate::versions::version;

const ENDS_WITHIN: Duration = Duration::from_secs(420);

pub(super) fn run(place: &Place, work: &Path) -> Result<Vec<Verdict>> {
    let stand = Stand::start(place, work, "")?;
    // So that there is a receipt to request.
    stand.teal.switch_to("green");
    let document = work.join("openapi.json");
    fs::write(&document, stand.teal.ask("GET", "/openapi.json", &[]).text())?;
    // Started as a module: the script that pip installs uses another directory.
    let start = "import sys; from schemathesis.cli import schemathesis; sys.exit(schemathesis())";
    // It stores its findings in the directory where it runs.
    let cache = tempfile::tempdir_in(work)?;
    let place_of_run = format!("--chdir={}", cache.path().display());
    let judged = format!("--config-file={}", place.sources.join("schemathesis.toml").display());
    let program = ["env", &place_of_run, "python3", "-c", start, &judged, "run"];
    let mut command: Vec<String> = program.map(str::to_owned).to_vec();
    command.push(document.display().to_string());
    command.push(format!("--url=http://{}", stand.teal.admin()));
    command.push(format!("--header=Authorization: Bearer {}", stand.teal.token()));
    for further in ["--max-examples=25", "--seed=1", "--no-color"] {
        command.push(further.to_owned());
    }
    let mut variables = place.variables();
    variables.push(("NO_COLOR".to_owned(), "1".to_owned()));
    variables.push(("SCHEMATHESIS_HOOKS".to_owned(), "schemathesis_hooks".to_owned()));
    for (_, paths) in variables.iter_mut().filter(|(name, _)| name == "PYTHONPATH") {
        *paths = format!("{paths}:{}", place.sources.display());
    }
    let (code, said) = run_command(&command, &variables, ENDS_WITHIN)?;
    let log = place.installed.join("schemathesis.log");
    fs::write(&log, &said)?;
    // "Tested: 15" of "Selected: 15/15": a skipped operation has not passed.
    let counted = |label: &str| {
        let rest = said.lines().find_map(|line| line.trim().strip_prefix(label))?;
        rest.rsplit('/').next()?.trim().parse::<u32>().ok()
    };
    let all = counted("Tested:").is_some_and(|tested| counted("Selected:") == Some(tested));
    let passed = code == Some(0) && all;
    let headings = said.lines().filter(|line| line.trim_start().starts_with("- "));
    let mut failures: Vec<&str> =
        headings.map(|line| line.trim().trim_start_matches("- ")).collect();
    failures.sort_unstable();
    failures.dedup();
    let last = said.lines().rev().find(|line| line.contains(" in ") && line.contains("==="));
    let last = last.unwrap_or_default().trim_matches(['=', ' ']).to_owned();
    Ok(vec![Verdict {
        suite: "schemathesis",
        version: version(place, "pip:schemathesis"),
        tried: "the admin API by its OpenAPI document, every operation".to_owned(),
        said: if passed { last } else { format!("{last}: {}", failures.join("; ")) },
        passed,
    }])
}
