//! Patch files: a head of two kinds of lines, then a diff as `git diff -U1` prints it.
//!
//! ```text
//! Takes out: the bell that a lease rings at its end
//! Fails: traffic loom no_lease_is_on_a_drained_color_with_two_workers
//!
//! --- a/crates/traffic/src/lease.rs
//! ```
//!
//! A test is named by its package, its target and its function. The target is `lib`, `bin`, or the name
//! of a file or folder in `tests/`.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

pub(crate) const FOLDER: &str = "guards";

/// One patch.
#[derive(Debug)]
pub(crate) struct Guard {
    /// Its file name without `.patch`.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) takes_out: String,
    pub(crate) tests: Vec<MustFail>,
}

/// A test that must fail while the guard is removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MustFail {
    pub(crate) package: String,
    pub(crate) target: String,
    pub(crate) function: String,
}

/// Every patch of the folder, in the order of their names.
pub(crate) fn in_folder(root: &Path) -> Result<Vec<Guard>> {
    let folder = root.join(FOLDER);
    let entries = fs::read_dir(&folder).with_context(|| format!("{FOLDER}/ can't be read"))?;
    let paths: io::Result<Vec<PathBuf>> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths?;
    paths.sort();
    let patches = paths.iter().filter(|path| path.extension().is_some_and(|is| is == "patch"));
    patches.map(|path| Guard::read(path)).collect()
}

impl Guard {
    fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path)
            .with_context(|| format!("{} can't be read", path.display()))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let (takes_out, tests) = head(&text).with_context(|| format!("{FOLDER}/{name}.patch"))?;
        Ok(Self { name, path: path.to_owned(), takes_out, tests })
    }

    /// Fails if the patch does not apply to this tree. Changes nothing.
    pub(crate) fn check(&self, tree: &Path) -> Result<()> {
        self.git_apply(tree, &["--check"])
    }

    /// Removes the guard from this tree.
    pub(super) fn apply(&self, tree: &Path) -> Result<()> {
        self.git_apply(tree, &[])
    }

    /// Puts it back.
    pub(super) fn reverse(&self, tree: &Path) -> Result<()> {
        self.git_apply(tree, &["--reverse"])
    }

    fn git_apply(&self, tree: &Path, options: &[&str]) -> Result<()> {
        let mut git = Command::new("git");
        git.arg("apply").args(options).arg(&self.path).current_dir(tree);
        // A copy below a repository is not part of it.
        git.env("GIT_CEILING_DIRECTORIES", tree.parent().unwrap_or(tree)).stdin(Stdio::null());
        let output = git.output().context("git can't be run")?;
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr);
            bail!("does not apply: {}", why.trim().replace('\n', "; "));
        }
        Ok(())
    }
}

impl MustFail {
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let mut word = || words.next().map(str::to_owned);
        let test = Self { package: word()?, target: word()?, function: word()? };
        words.next().is_none().then_some(test)
    }

    /// Returns true if that is a file of the test's target.
    pub(crate) fn may_be_in(&self, path: &str) -> bool {
        let crates = path.strip_prefix("crates/").unwrap_or(path);
        let Some(inside) = crates.strip_prefix(&*self.package) else { return false };
        match &*self.target {
            "lib" | "bin" => inside.starts_with("/src/"),
            target => inside
                .strip_prefix("/tests/")
                .and_then(|inside| inside.strip_prefix(target))
                .is_some_and(|rest| rest == ".rs" || rest.starts_with('/')),
        }
    }
}

impl fmt::Display for MustFail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.package, self.target, self.function)
    }
}

/// The lines in front of the diff.
fn head(text: &str) -> Result<(String, Vec<MustFail>)> {
    let (mut takes_out, mut tests) = (None, Vec::new());
    let mut lines = text.lines();
    for line in lines.by_ref().take_while(|line| !line.is_empty()) {
        if let Some(guard) = line.strip_prefix("Takes out: ") {
            takes_out = Some(guard.to_owned());
        } else if let Some(test) = line.strip_prefix("Fails: ") {
            let test = MustFail::parse(test)
                .with_context(|| format!("write `Fails: PACKAGE TARGET FUNCTION`, not {line:?}"))?;
            tests.push(test);
        } else {
            bail!("{line:?}: write `Takes out: …` and `Fails: …`, an empty line, and the diff");
        }
    }
    ensure!(!tests.is_empty(), "names no test that must fail: `Fails: PACKAGE TARGET FUNCTION`");
    let begins = |line: &str| line.starts_with("diff --git ") || line.starts_with("--- a/");
    ensure!(lines.next().is_some_and(begins), "a diff must follow the empty line");
    Ok((takes_out.context("does not say what it takes out: `Takes out: …`")?, tests))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_names_the_guard_and_the_tests() {
        let text = "Takes out: the bell\nFails: traffic loom a_b\nFails: http1 lib c\n\n--- a/x\n";
        let (takes_out, tests) = head(text).unwrap();
        assert_eq!(takes_out, "the bell");
        let said: Vec<String> = tests.iter().map(ToString::to_string).collect();
        assert_eq!(said, ["traffic loom a_b", "http1 lib c"]);
    }

    #[test]
    fn a_head_that_lacks_something_is_refused_with_its_name() {
        for (text, lacks) in [
            ("Fails: a b c\n\n--- a/x\n", "Takes out: "),
            ("Takes out: x\n\n--- a/x\n", "Fails: PACKAGE TARGET FUNCTION"),
            ("Takes out: x\nFails: a b\n\n--- a/x\n", "Fails: PACKAGE TARGET FUNCTION"),
            ("Takes out: x\nFails: a b c d\n\n--- a/x\n", "Fails: PACKAGE TARGET FUNCTION"),
            ("Takes out: x\nFails: a b c\n", "a diff must follow"),
            ("diff --git a/x b/x\n", "an empty line"),
        ] {
            let said = format!("{:#}", head(text).unwrap_err());
            assert!(said.contains(lacks), "{text:?}: {said}");
        }
    }

    #[test]
    fn a_test_is_looked_for_in_its_own_target() {
        let of = |target: &str| MustFail {
            package: "teal".to_owned(),
            target: target.to_owned(),
            function: "a".to_owned(),
        };
        assert!(of("e2e").may_be_in("crates/teal/tests/e2e/reload.rs"));
        assert!(of("soak").may_be_in("crates/teal/tests/soak.rs"));
        assert!(of("bin").may_be_in("crates/teal/src/run/systemd.rs"));
        for path in ["crates/teal/tests/e2e2.rs", "crates/teal/src/e2e.rs", "crates/t/tests/e2e.rs"]
        {
            assert!(!of("e2e").may_be_in(path), "{path}");
        }
    }
}
