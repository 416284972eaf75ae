//! The copy of the tree from which guards are removed: below the target directory, with its own target
//! directory, so that each patch rebuilds only what it changes.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

pub(super) struct Copy {
    root: PathBuf,
    /// The folder of the copy, its build and the tests' output.
    room: PathBuf,
}

impl Copy {
    /// A copy of the tree as it is now. Later changes to the tree do not affect it.
    pub(super) fn of(root: &Path) -> Result<Self> {
        let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
        let copy = Self { root: root.to_owned(), room: root.join(target).join("guards") };
        fs::create_dir_all(copy.tree())?;
        fs::create_dir_all(copy.logs())?;
        copy.fill()?;
        Ok(copy)
    }

    pub(super) fn tree(&self) -> PathBuf {
        self.room.join("tree")
    }

    pub(super) fn built(&self) -> PathBuf {
        self.room.join("built")
    }

    pub(super) fn logs(&self) -> PathBuf {
        self.room.join("logs")
    }

    /// Brings the copy up to date with the tree. Unchanged files are not touched, so their builds stay
    /// valid.
    fn fill(&self) -> Result<()> {
        let listed = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(&self.root)
            .output()
            .context("git can't be run")?;
        ensure!(listed.status.success(), "git does not list the files of {}", self.root.display());
        let listed = String::from_utf8(listed.stdout).context("a file's name is not UTF-8")?;
        let tree = self.tree();
        let mut there = HashSet::new();
        for path in listed.split('\0').filter(|path| self.root.join(path).is_file()) {
            let (from, to) = (self.root.join(path), tree.join(path));
            let bytes = fs::read(&from)?;
            if fs::read(&to).is_ok_and(|copied| copied == bytes) {
                there.insert(to);
                continue;
            }
            if let Some(folder) = to.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::copy(&from, &to).with_context(|| format!("{path} can't be copied"))?;
            there.insert(to);
        }
        remove_others(&tree, &there)
    }
}

fn remove_others(folder: &Path, wanted: &HashSet<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_others(&entry.path(), wanted)?;
        } else if !wanted.contains(&entry.path()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
