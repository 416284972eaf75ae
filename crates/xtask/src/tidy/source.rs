//! Rules for single source files: size, name, module doc, leftovers, sleeping tests, unsafe code.

use super::Findings;
use crate::tree::{SourceFile, Tree};

const LINES_MAX: usize = 600;
const LINES_THINK: usize = 400;

/// Names that say nothing about the contents.
const NAMES: [&str; 8] =
    ["util", "utils", "helper", "helpers", "manager", "common", "misc", "shared"];

/// Marks of unfinished work, split so that this file contains none.
const LEFTOVERS: [&str; 6] = [
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("dbg", "!("),
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X:"),
];

/// The only file with unsafe code, and the root of its crate, which therefore cannot forbid it.
const UNSAFE: &str = "crates/parent/src/system.rs";
const UNSAFE_ROOT: &str = "crates/parent/src/lib.rs";

pub(super) fn check(tree: &Tree, findings: &mut Findings) {
    for file in tree.rust() {
        size(file, findings);
        opening(file, findings);
        leftovers(file, findings);
        sleeps(file, findings);
        name(file, findings);
        unsafe_code(file, findings);
    }
}

fn size(file: &SourceFile, findings: &mut Findings) {
    let lines = file.text.lines().count();
    if lines > LINES_MAX {
        let message = format!(
            "has {lines} lines, more than the limit of {LINES_MAX}; split it by what it does"
        );
        findings.error(&file.path, None, message);
    } else if lines > LINES_THINK {
        let message = format!("has {lines} lines; above {LINES_THINK}, consider splitting it");
        findings.warning(&file.path, None, message);
    }
}

fn opening(file: &SourceFile, findings: &mut Findings) {
    let text = file.text.strip_prefix("//!").map(str::trim_start);
    if !text.is_some_and(|text| text.starts_with(char::is_alphanumeric) || text.starts_with('`')) {
        findings.error(&file.path, 1, "must open with `//!` and what the file is for");
    }
}

fn leftovers(file: &SourceFile, findings: &mut Findings) {
    for (number, line) in file.lines() {
        if let Some(leftover) = LEFTOVERS.iter().find(|leftover| line.contains(**leftover)) {
            findings.error(&file.path, number, format!("{leftover} is unfinished work; finish it"));
        }
    }
}

/// In tests a sleep is a guess about time, unless it is in a polling loop with a deadline, or a
/// comment beside it gives the reason.
fn sleeps(file: &SourceFile, findings: &mut Findings) {
    let mut in_tests = file.path.contains("/tests/") || file.path.ends_with("/tests.rs");
    let mut above = [""; 4];
    for (number, line) in file.lines() {
        in_tests |= line.starts_with("#[cfg(test)]");
        let sleeps = line.contains("sleep(") && !line.contains("fn sleep(");
        let [.., last] = above;
        let reasoned = line.contains("// ")
            || last.trim_start().starts_with("// ")
            || above.iter().any(|line| line.contains("deadline"));
        if in_tests && sleeps && !reasoned {
            let message = "a sleep in a test needs a comment that says why it is not a wait for \
                           luck; else wait for a condition with a deadline";
            findings.error(&file.path, number, message);
        }
        above.rotate_left(1);
        above[above.len() - 1] = line;
    }
}

fn name(file: &SourceFile, findings: &mut Findings) {
    let stem = file.path.trim_end_matches(".rs");
    if let Some(name) = stem.split('/').find(|part| NAMES.contains(part)) {
        let message = format!("{name:?} is too general; name it after what it does");
        findings.error(&file.path, None, message);
    }
}

/// Every crate forbids unsafe code but one, which denies it as the workspace does; one file there may have it.
fn unsafe_code(file: &SourceFile, findings: &mut Findings) {
    let attribute = |level: &str| {
        file.lines()
            .find(|(_, line)| line.trim_start().starts_with(level))
            .map(|(number, _)| number)
    };
    if is_root(&file.path)
        && file.path != UNSAFE_ROOT
        && attribute("#![forbid(unsafe_code)]").is_none()
    {
        let message = "must have #![forbid(unsafe_code)], as the root of every crate but `parent`";
        findings.error(&file.path, None, message);
    }
    let allowed = [
        "#![expect(unsafe_code",
        "#![allow(unsafe_code",
        "#[expect(unsafe_code",
        "#[allow(unsafe_code",
    ];
    if let Some(number) = allowed.into_iter().find_map(attribute).filter(|_| file.path != UNSAFE) {
        let message = format!("must not have unsafe code; the only file that may is {UNSAFE}");
        findings.error(&file.path, number, message);
    }
}

/// Returns true if a file is the root of a library or of a program.
fn is_root(path: &str) -> bool {
    let Some((_, inside)) = path.split_once("src/") else { return false };
    let program = inside.strip_prefix("bin/").is_some_and(|program| {
        program.strip_suffix("/main.rs").unwrap_or(program).matches('/').count() == 0
    });
    matches!(inside, "lib.rs" | "main.rs") || program
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::findings_of;

    #[test]
    fn a_file_that_is_too_long_or_opens_without_a_word_is_found() {
        let long = format!("//! Long.\n{}", "\n".repeat(LINES_MAX));
        let said = findings_of(&[("crates/x/src/a.rs", &long), ("b.rs", "fn a() {}\n")], check);
        assert_eq!(
            said,
            [
                "crates/x/src/a.rs: has 601 lines, more than the limit of 600; split it by what it does",
                "b.rs:1: must open with `//!` and what the file is for",
            ]
        );
        let said = findings_of(&[("a.rs", "//!\n")], check);
        assert_eq!(said.len(), 1, "an empty word is none");
    }

    #[test]
    fn names_that_say_nothing_are_found_in_any_part_of_a_path() {
        for path in ["crates/x/src/utils.rs", "crates/x/src/common/mod.rs", "tests/helpers.rs"] {
            assert_eq!(findings_of(&[(path, "//! X.\n")], check).len(), 1, "{path}");
        }
        assert!(findings_of(&[("crates/commons/src/usual.rs", "//! X.\n")], check).is_empty());
    }

    #[test]
    fn a_sleep_in_a_test_needs_its_reason() {
        let bare = concat!("//! X.\n    thread::sl", "eep(x);\n");
        let reasoned = concat!("//! X.\n// The target idles this long.\n    sl", "eep(x);\n");
        assert_eq!(findings_of(&[("crates/x/tests/a.rs", bare)], check).len(), 1);
        assert!(findings_of(&[("crates/x/tests/a.rs", reasoned)], check).is_empty());
        let polled = concat!("//! X.\nwhile now() < deadline {\n    sl", "eep(x);\n}\n");
        assert!(findings_of(&[("crates/x/tests/a.rs", polled)], check).is_empty());
        assert!(findings_of(&[("crates/x/src/a.rs", bare)], check).is_empty());
        let inside = format!("//! X.\n#[cfg(test)]\n{bare}");
        assert_eq!(findings_of(&[("crates/x/src/a.rs", &inside)], check).len(), 1);
    }

    #[test]
    fn unfinished_work_is_found() {
        for leftover in LEFTOVERS {
            let text = format!("//! X.\n// {leftover}\n");
            assert_eq!(findings_of(&[("a.rs", &text)], check).len(), 1, "{leftover}");
        }
    }

    #[test]
    fn a_crate_forbids_unsafe_code_unless_it_is_the_one_with_the_file_that_needs_it() {
        let bare = "//! X.\nmod a;\n";
        for path in ["crates/x/src/lib.rs", "bench/src/bin/one.rs", "bench/src/bin/two/main.rs"] {
            assert_eq!(findings_of(&[(path, bare)], check).len(), 1, "{path}");
            let forbids = "//! X.\n\n#![forbid(unsafe_code)]\n";
            assert!(findings_of(&[(path, forbids)], check).is_empty(), "{path}");
        }
        for path in [UNSAFE_ROOT, "crates/x/src/a.rs", "bench/src/bin/two/part.rs"] {
            assert!(findings_of(&[(path, bare)], check).is_empty(), "{path}");
        }
        let takes = "//! X.\n\n#![expect(unsafe_code, reason = \"of none\")]\n";
        assert_eq!(findings_of(&[("crates/parent/src/other.rs", takes)], check).len(), 1);
        assert!(findings_of(&[(UNSAFE, takes)], check).is_empty());
    }
}
