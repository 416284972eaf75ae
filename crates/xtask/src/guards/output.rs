//! Results of tests, read from the output of their harness.

use std::collections::HashMap;

use super::trial::Outcome;

/// The outcome of each test by its function's name.
pub(super) fn outcomes(printed: &str) -> HashMap<&str, Outcome> {
    let lines = printed.lines().filter_map(|line| line.strip_prefix("test "));
    let tests = lines.filter_map(|line| {
        let (path, said) = line.split_once(" ... ")?;
        let path = path.strip_suffix(" - should panic").unwrap_or(path);
        // Output of the test itself may come in between.
        let outcome = if said.ends_with("FAILED") {
            Outcome::Failed
        } else if said.ends_with("ok") {
            Outcome::Passed
        } else {
            Outcome::NotRun
        };
        Some((path.rsplit("::").next().unwrap_or(path), outcome))
    });
    tests.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_read_from_the_lines_of_the_harness() {
        let printed = "running 4 tests\ntest a::passes ... ok\ntest a::b::fails ... FAILED\n\
                       test panics - should panic ... ok\ntest left_out ... ignored, too slow\n\
                       \nfailures:\n    a::b::fails\n\ntest result: FAILED. 2 passed; 1 failed;\n";
        let said = outcomes(printed);
        assert_eq!(said.len(), 4);
        assert_eq!(said["passes"], Outcome::Passed);
        assert_eq!(said["panics"], Outcome::Passed);
        assert_eq!(said["fails"], Outcome::Failed);
        assert_eq!(said["left_out"], Outcome::NotRun);
    }
}
