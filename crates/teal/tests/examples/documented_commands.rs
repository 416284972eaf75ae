//! Every command in the documents is one that the program has, with flags that it has.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::{TEAL, file, guides};

fn help(verbs: &[&str]) -> (Option<i32>, String) {
    let arguments = verbs.iter().copied().chain(["--help"]);
    let result = testkit::run(Path::new(TEAL), arguments, &[], Duration::from_secs(10));
    (result.code, result.stdout)
}

/// The README and every page that is written by hand.
fn pages() -> BTreeMap<String, String> {
    let mut pages = BTreeMap::new();
    for path in guides().into_iter().chain([file("README.md"), file("CONTRIBUTING.md")]) {
        let text = fs::read_to_string(&path).expect("a page is text");
        pages.insert(path.display().to_string(), text);
    }
    pages
}

/// The words of each command that begins with `teal`, in a block of a console or between
/// backticks.
fn commands(text: &str) -> Vec<Vec<&str>> {
    let of_console = text.lines().filter_map(|line| line.strip_prefix("$ "));
    let quoted = text.split('`').skip(1).step_by(2);
    of_console
        .chain(quoted)
        .filter_map(|command| command.strip_prefix("teal "))
        .map(|command| command.split('#').next().unwrap_or_default().split_whitespace().collect())
        .collect()
}

#[test]
fn every_documented_command_and_flag_exists() {
    let mut checked = 0;
    for (page, text) in pages() {
        for command in commands(&text) {
            let Some((verb, rest)) = command.split_first() else { continue };
            if !verb.bytes().all(|byte| byte.is_ascii_lowercase()) {
                continue; // `teal COMMAND --help` and the like
            }
            let inner = rest
                .first()
                .filter(|_| ["wait", "token", "journal", "maintenance", "notify"].contains(verb));
            let verbs: Vec<&str> = [*verb].into_iter().chain(inner.copied()).collect();
            let (code, help) = help(&verbs);
            assert_eq!(code, Some(0), "{page}: there is no `teal {}`", verbs.join(" "));
            for flag in rest.iter().filter(|word| word.starts_with("--")) {
                assert!(help.contains(flag), "{page}: `teal {verb}` has no {flag}");
            }
            checked += 1;
        }
    }
    assert!(checked >= 20, "only {checked} commands were found");
}
