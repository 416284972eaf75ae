//! The current baseline, in a committed file.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use toml::Table;

use crate::case::Case;

/// The tolerance for a count, up or down, in percent. An improvement needs a new baseline, too, or the
/// count could grow again unnoticed.
pub(crate) const TOLERANCE: f64 = 3.0;

const HEAD: &str = "\
# Instructions per request, counted by callgrind (see bench/README.md); `make test` fails if one
# moves by more than 3 %. They belong to this compiler and processor (the C library copies memory
# in the way that suits it): with another one the counts are shown and not judged. Written by
#   target/ci/instructions write, after make test
";

/// The cost of each request when the baseline was written.
pub(crate) struct Baseline {
    table: Table,
    ground: String,
}

impl Baseline {
    pub(crate) fn of(ground: String, counts: Vec<(Case, u64)>) -> Self {
        let mut table = Table::new();
        table.insert("ground".to_owned(), ground.clone().into());
        for (case, count) in counts {
            table.insert(case.name().to_owned(), count.cast_signed().into());
        }
        Self { table, ground }
    }

    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path)
            .with_context(|| format!("{} can't be read", path.display()))?;
        let table: Table =
            text.parse().with_context(|| format!("{} is not valid TOML", path.display()))?;
        let ground = table.get("ground").and_then(toml::Value::as_str);
        let ground = ground.context("the baseline names no compiler and processor")?.to_owned();
        Ok(Self { table, ground })
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        fs::write(path, format!("{HEAD}{}", self.table))
            .with_context(|| format!("{} can't be written", path.display()))
    }

    pub(crate) fn ground(&self) -> &str {
        &self.ground
    }

    /// The change of a count in percent.
    pub(crate) fn change(&self, case: Case, count: u64) -> Result<f64> {
        let was = self.table.get(case.name()).and_then(toml::Value::as_integer);
        let was = was.filter(|was| *was > 0);
        let was = was.with_context(|| format!("the baseline has no count of {}", case.name()))?;
        Ok((count as f64 / was as f64 - 1.0) * 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_baseline_is_read_as_it_was_written_and_says_how_far_a_count_has_moved() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("instructions.toml");
        Baseline::of("rustc 1".to_owned(), vec![(Case::Get64, 1_000)]).write(&path).unwrap();
        let baseline = Baseline::read(&path).unwrap();
        assert_eq!(baseline.ground(), "rustc 1");
        assert!((baseline.change(Case::Get64, 1_031).unwrap() - 3.1).abs() < 1e-9);
        assert!((baseline.change(Case::Get64, 969).unwrap() + 3.1).abs() < 1e-9);
        assert!(baseline.change(Case::Get16k, 1).is_err(), "a case without a count");
    }
}
