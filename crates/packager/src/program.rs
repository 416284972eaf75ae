//! The program as it is packaged: without symbols, which go to a file beside the packages, so that a crash can be read.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::facts::{Architecture, Facts};
use crate::run::run;

/// The program without its symbols, and they.
pub(crate) struct Stripped {
    pub(crate) stripped: Vec<u8>,
    pub(crate) debug: PathBuf,
}

/// Splits a program in two.
pub(crate) fn strip(program: &Path, output: &Path, facts: &Facts) -> Result<Stripped> {
    ensure!(program.is_file(), "{} does not exist: build it first", program.display());
    let debug = output.join(format!("{}.debug", facts.stem()));
    let stripped = output.join(format!(".{}.stripped", facts.stem()));
    let own = Architecture::of_this_machine()? == facts.architecture;
    let tool =
        if own { "objcopy".to_owned() } else { format!("{}-objcopy", facts.architecture.gnu()) };
    run(Command::new(&tool)
        .args(["--only-keep-debug", "--compress-debug-sections"])
        .args([program, &debug]))?;
    let link = format!("--add-gnu-debuglink={}", debug.display());
    run(Command::new(&tool).arg("--strip-all").arg(link).args([program, &stripped]))?;
    let bytes =
        fs::read(&stripped).with_context(|| format!("cannot read {}", stripped.display()))?;
    fs::remove_file(&stripped)?;
    Ok(Stripped { stripped: bytes, debug })
}

/// The oldest glibc that a program runs with: the newest version of a symbol that it names.
pub(crate) fn needed_glibc(program: &[u8]) -> String {
    let mark = b"GLIBC_2.";
    let versions = program.windows(mark.len()).enumerate().filter(|(_, found)| found == mark);
    let minors = versions.filter_map(|(at, _)| {
        let digits = &program[at + mark.len()..];
        let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
        std::str::from_utf8(&digits[..end]).ok()?.parse::<u32>().ok()
    });
    format!("2.{}", minors.max().unwrap_or(17))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_of_a_symbol_counts() {
        let program = b"\0GLIBC_2.4\0GLIBC_2.34\0GLIBC_2.9\0GLIBC_2.x";
        assert_eq!(needed_glibc(program), "2.34");
        assert_eq!(needed_glibc(b"static"), "2.17");
    }
}
