//! Programs that are run to their end, and named when they fail.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Runs a program, which must end with 0.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).status();
    let status = status.with_context(|| cannot_run(command))?;
    ensure!(status.success(), "{command:?} failed: {status}");
    Ok(())
}

/// Runs a program, which must end with 0, and returns its output.
pub(crate) fn output_of(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.with_context(|| cannot_run(command))?;
    ensure!(output.status.success(), "{command:?} failed: {}", output.status);
    String::from_utf8(output.stdout).with_context(|| format!("{command:?} did not print text"))
}

fn cannot_run(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    format!("cannot run {program}: is it installed?")
}
