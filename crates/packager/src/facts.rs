//! Facts that all packages of one build share: version, architecture, time, maintainer.

use std::env;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::run::output_of;

/// The maintainer of a package, unless `DEBFULLNAME` and `DEBEMAIL` name another one, as for all tools of Debian.
const MAINTAINER: &str = "Teal maintainers <maintainers@users.noreply.github.com>";

/// An architecture that packages can be made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// x86-64.
    Amd64,
    /// 64-bit ARM.
    Arm64,
}

/// Facts of one build.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The version of Teal.
    pub version: String,
    /// The architecture of the program.
    pub architecture: Architecture,
    /// The time of all files, in seconds since 1970.
    pub epoch: u64,
    /// The maintainer, as in `Name <address>`.
    pub maintainer: String,
}

// === impl Architecture, Facts ===

impl Architecture {
    /// The name that Debian has for it.
    ///
    /// # Errors
    /// A name that is not known.
    pub fn from_debian(name: &str) -> Result<Self> {
        match name {
            "amd64" => Ok(Self::Amd64),
            "arm64" => Ok(Self::Arm64),
            _ => {
                bail!("{name:?} is not an architecture that packages are made for: amd64 or arm64")
            }
        }
    }

    /// The name that Debian has for it.
    #[must_use]
    pub fn debian(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// The name of its target in Rust.
    #[must_use]
    pub fn rust_target(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64-unknown-linux-gnu",
            Self::Arm64 => "aarch64-unknown-linux-gnu",
        }
    }

    /// The name that programs of GNU have for it, and their prefix.
    pub(crate) fn gnu(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64-linux-gnu",
            Self::Arm64 => "aarch64-linux-gnu",
        }
    }

    /// The architecture of this machine.
    ///
    /// # Errors
    /// An architecture that packages are not made for.
    pub fn of_this_machine() -> Result<Self> {
        match env::consts::ARCH {
            "x86_64" => Ok(Self::Amd64),
            "aarch64" => Ok(Self::Arm64),
            other => bail!("packages are not made for {other}"),
        }
    }
}

impl Facts {
    /// The facts of this tree: the version of the crates, and the time of the newest commit unless
    /// `SOURCE_DATE_EPOCH` gives another one.
    ///
    /// # Errors
    /// A time that is not a number, or a tree without both.
    pub fn of_tree(root: &Path, architecture: Architecture) -> Result<Self> {
        let told = env::var("SOURCE_DATE_EPOCH").ok().filter(|told| !told.is_empty());
        let epoch = match told {
            Some(told) => told,
            None => {
                output_of(Command::new("git").args(["log", "-1", "--format=%ct"]).current_dir(root))
                    .context("the time of the packages is not known: set SOURCE_DATE_EPOCH")?
            }
        };
        let epoch = epoch.trim();
        let epoch = epoch.parse().with_context(|| {
            format!("{epoch:?} is not a number of seconds: set SOURCE_DATE_EPOCH to one")
        })?;
        let maintainer = match (env::var("DEBFULLNAME"), env::var("DEBEMAIL")) {
            (Ok(name), Ok(address)) => format!("{name} <{address}>"),
            _ => MAINTAINER.to_owned(),
        };
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Ok(Self { version, architecture, epoch, maintainer })
    }

    /// The beginning of the names of files: `teal-VERSION-x86_64-linux-gnu`.
    pub(crate) fn stem(&self) -> String {
        format!("teal-{}-{}", self.version, self.architecture.gnu())
    }

    /// The time, as `date` writes it with this format.
    pub(crate) fn time(&self, format: &str) -> Result<String> {
        let at = format!("@{}", self.epoch);
        let date = ["--utc", "--date", &at, format];
        Ok(output_of(Command::new("date").args(date).env("LC_ALL", "C"))?.trim().to_owned())
    }
}
