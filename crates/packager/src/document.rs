//! The manual and the completions, as the program prints them.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::config_manual;
use crate::run::output_of;

/// Documents that only a program can print.
#[derive(Debug)]
pub(crate) struct Documents {
    /// The pages of the manual by the name of their file, such as `teal-deploy.1`.
    pub(crate) manual: BTreeMap<String, String>,
    pub(crate) bash: String,
    pub(crate) zsh: String,
    pub(crate) fish: String,
}

impl Documents {
    /// Has a program print its own.
    pub(crate) fn read(program: &Path) -> Result<Self> {
        let print = |words: &[&str]| output_of(Command::new(program).args(words));
        let manual = print(&["generate", "man"])?;
        let mut manual: BTreeMap<String, String> = serde_json::from_str(&manual)
            .with_context(|| format!("{} did not print its manual", program.display()))?;
        let page = config_manual::page(&config::schema(), env!("CARGO_PKG_VERSION"));
        manual.insert("teal.toml.5".to_owned(), page);
        Ok(Self {
            manual,
            bash: print(&["completions", "bash"])?,
            zsh: print(&["completions", "zsh"])?,
            fish: print(&["completions", "fish"])?,
        })
    }
}
