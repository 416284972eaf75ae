//! Promises L1 to L10 and L12: each has code and tests that exist, and the tests carry its tag.
//!
//! `docs/promises.md` has one section per promise, `## L1 …`, and in it lines of the form
//! ``- code: `PATH` … `` and ``- test: `PATH` `TEST_NAME` … ``. A test carries the tag if a
//! comment that begins with it (`// L1`, or a list, `// L1 L8`) is directly above or in it.

use super::Findings;
use crate::tree::{SourceFile, Tree};

/// The numbers of the promises; L11 comes with shares of the traffic.
const PROMISES: [u8; 11] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12];
const DOCUMENT: &str = "docs/promises.md";

/// Attributes and comments that may stand between a tag and its test.
const ABOVE: usize = 8;

pub(super) fn check(tree: &Tree, findings: &mut Findings) {
    for number in PROMISES {
        let tag = format!("L{number}");
        if !tree.rust().any(|file| file.text.lines().any(|line| is_tag(line, &tag))) {
            findings.error(DOCUMENT, None, format!("no test in the tree carries `// {tag}`"));
        }
    }
    let Some(document) = tree.file(DOCUMENT) else { return }; // `prose` reports its absence
    for number in PROMISES {
        section(&format!("L{number}"), document, tree, findings);
    }
}

fn section(tag: &str, document: &SourceFile, tree: &Tree, findings: &mut Findings) {
    let opens = |line: &str| line.strip_prefix("## ").is_some_and(|rest| first_word(rest) == tag);
    let lines = document.lines().skip_while(|(_, line)| !opens(line)).skip(1);
    let lines: Vec<_> = lines.take_while(|(_, line)| !line.starts_with("## ")).collect();
    let (mut code, mut tests) = (0, 0);
    for (number, line) in lines {
        let quoted: Vec<&str> = line.split('`').skip(1).step_by(2).collect();
        if line.starts_with("- code: ") {
            code += 1;
            if quoted.first().and_then(|path| tree.file(path)).is_none() {
                findings.error(DOCUMENT, number, format!("{tag}: name a file that exists"));
            }
        } else if line.starts_with("- test: ") {
            tests += 1;
            if let Err(message) = test(tag, &quoted, tree) {
                findings.error(DOCUMENT, number, format!("{tag}: {message}"));
            }
        }
    }
    if code == 0 || tests == 0 {
        let message =
            format!("{tag} needs a section `## {tag}` with `- code:` and `- test:` lines");
        findings.error(DOCUMENT, None, message);
    }
}

fn test(tag: &str, quoted: &[&str], tree: &Tree) -> Result<(), String> {
    let &[path, name, ..] = quoted else {
        return Err("name a test by its file and its function".to_owned());
    };
    let file = tree.file(path).ok_or_else(|| format!("there is no {path}"))?;
    let lines: Vec<&str> = file.text.lines().collect();
    let head = format!("fn {name}(");
    let at = lines.iter().position(|line| line.contains(&head));
    let at = at.ok_or_else(|| format!("{path} has no test {name}"))?;
    let above = lines.iter().take(at).rev().take(ABOVE).take_while(|line| line.trim() != "}");
    let inside = lines.iter().skip(at).take_while(|line| **line != "}");
    if above.chain(inside).any(|line| is_tag(line, tag)) {
        return Ok(());
    }
    Err(format!("the test {name} does not carry the tag `// {tag}`"))
}

/// Returns true if a line is a comment that begins with this tag, alone or in a list.
fn is_tag(line: &str, tag: &str) -> bool {
    let Some(comment) = line.trim_start().strip_prefix("// ") else { return false };
    let tags = comment.split(' ').map(|word| word.trim_end_matches([',', ':', '.']));
    tags.take_while(|word| is_promise(word)).any(|word| word == tag)
}

fn is_promise(word: &str) -> bool {
    word.strip_prefix('L').is_some_and(|number| number.parse::<usize>().is_ok())
}

fn first_word(text: &str) -> &str {
    text.split([' ', ':', '.']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::findings_of;

    #[test]
    fn a_tag_is_a_comment_that_begins_with_it() {
        for line in ["// L1", "    // L1, L8", "// L8, L1: at rest", "// L1: choosing and counting"]
        {
            assert!(is_tag(line, "L1"), "{line}");
        }
        for line in ["// L10", "/// L1", "// see L1", "// LL1", "let l = \"// L1\";"] {
            assert!(!is_tag(line, "L1"), "{line}");
        }
    }

    #[test]
    fn a_promise_without_code_test_or_tag_is_found() {
        let code = "//! X.\n// L1\n#[test]\nfn a() {\n}\n#[test]\nfn b() {\n}\nfn c() {\n    // L1 L3\n}\n";
        let document = "## L1 One step\n- code: `a.rs` the step\n- test: `a.rs` `a` shows it\n\
                        - test: `a.rs` `b` too\n- test: `b.rs` `a`\n- code: `c.rs`\n- test: `a.rs`\n\
                        - test: `a.rs` `z`\n- test: `a.rs` `c`\n";
        let said = findings_of(&[("a.rs", code), (DOCUMENT, document)], check);
        let of_l1: Vec<&String> = said.iter().filter(|said| said.contains(": L1: ")).collect();
        assert_eq!(
            of_l1,
            [
                "docs/promises.md:4: L1: the test b does not carry the tag `// L1`",
                "docs/promises.md:5: L1: there is no b.rs",
                "docs/promises.md:6: L1: name a file that exists",
                "docs/promises.md:7: L1: name a test by its file and its function",
                "docs/promises.md:8: L1: a.rs has no test z",
            ]
        );
        let rest = said.len() - of_l1.len();
        assert_eq!(
            rest,
            2 * (PROMISES.len() - 1) - 1,
            "no section for the others, and a tag for L3 only"
        );
    }
}
