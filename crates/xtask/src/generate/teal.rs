//! The program itself, which prints the documents that only it can generate.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// The built program.
pub(super) struct Teal(PathBuf);

impl Teal {
    /// The program that `TEAL_BIN` names, or else one that is built now, with the usual profile.
    pub(super) fn find_or_build(root: &Path) -> Result<Self> {
        if let Some(built) = std::env::var_os("TEAL_BIN") {
            return Ok(Self(root.join(built)));
        }
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let status = Command::new(cargo)
            .args(["build", "--quiet", "--profile", "ci", "--package", "teal"])
            .current_dir(root)
            .status()
            .context("cargo can't be run")?;
        ensure!(status.success(), "teal does not build, so it cannot generate its documents");
        let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
        Ok(Self(root.join(target).join("ci").join("teal")))
    }

    /// The output of `teal generate NAME`.
    pub(super) fn document(&self, name: &str) -> Result<String> {
        let output = Command::new(&self.0)
            .args(["generate", name])
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("{} can't be run", self.0.display()))?;
        ensure!(output.status.success(), "`teal generate {name}` failed");
        let text = String::from_utf8(output.stdout)
            .with_context(|| format!("`teal generate {name}` is not text"))?;
        ensure!(text.ends_with('\n'), "`teal generate {name}` printed an incomplete document");
        Ok(text)
    }
}
