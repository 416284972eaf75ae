//! The text files of the repository, read once.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Entries without sources of ours; `.git` is a file if the tree is one of several work trees.
const SKIPPED: [&str; 5] = ["target", ".git", "corpus-work", "__pycache__", "node_modules"];

/// Every text file below the root.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) root: PathBuf,
    pub(crate) files: Vec<SourceFile>,
}

/// One text file.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// Relative to the root, with `/` between its parts.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Tree {
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let mut tree = Self { root: root.to_owned(), files: Vec::new() };
        tree.directory(root)?;
        tree.files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(tree)
    }

    /// The file of that path, if it is there and is text.
    pub(crate) fn file(&self, path: &str) -> Option<&SourceFile> {
        self.files.iter().find(|file| file.path == path)
    }

    /// The Rust files.
    pub(crate) fn rust(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter().filter(|file| file.has_extension("rs"))
    }

    fn directory(&mut self, directory: &Path) -> Result<()> {
        let entries = fs::read_dir(directory)
            .with_context(|| format!("{} can't be read", directory.display()))?;
        for entry in entries {
            let entry = entry?;
            let path = entry.path();
            let skipped = SKIPPED.iter().any(|skipped| entry.file_name() == *skipped);
            let kind = entry.file_type()?;
            if skipped {
                continue;
            }
            if kind.is_dir() {
                self.directory(&path)?;
            } else if kind.is_file()
                && let Ok(text) = fs::read_to_string(&path)
            {
                let relative = path.strip_prefix(&self.root)?.to_string_lossy().replace('\\', "/");
                self.files.push(SourceFile { path: relative, text });
            }
        }
        Ok(())
    }
}

impl SourceFile {
    pub(crate) fn has_extension(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|is| is == extension)
    }

    /// The lines with their numbers from 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }
}
