//! Guards as patches: each applies to the tree as it is, and the tests that it names exist. `cargo xtask
//! guards` checks that they fail.

use super::Findings;
use crate::guards::{FOLDER, MustFail, in_folder};
use crate::tree::Tree;

pub(super) fn check(tree: &Tree, findings: &mut Findings) {
    let guards = match in_folder(&tree.root) {
        Ok(guards) => guards,
        Err(error) => return findings.error(FOLDER, None, format!("{error:#}")),
    };
    for guard in guards {
        let path = format!("{FOLDER}/{}.patch", guard.name);
        if let Err(error) = guard.check(&tree.root) {
            let message = format!("{error:#}; recreate it (CONTRIBUTING.md, Guards)");
            findings.error(&path, None, message);
        }
        for test in guard.tests.iter().filter(|test| !exists(test, tree)) {
            findings.error(&path, None, format!("there is no test {test}"));
        }
    }
}

fn exists(test: &MustFail, tree: &Tree) -> bool {
    let head = format!("fn {}(", test.function);
    let mut files = tree.rust().filter(|file| test.may_be_in(&file.path));
    files.any(|file| file.text.contains(&head))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const FILE: &str = "fn guard() {\n    keep();\n    ring();\n}\n\n#[test]\nfn rings() {}\n";

    fn findings(patch: &str) -> Vec<String> {
        let root = tempfile::tempdir().unwrap();
        let source = root.path().join("crates/a/src");
        fs::create_dir_all(&source).unwrap();
        fs::create_dir(root.path().join(FOLDER)).unwrap();
        fs::write(source.join("lib.rs"), FILE).unwrap();
        fs::write(root.path().join("guards/L4-bell.patch"), patch).unwrap();
        let tree = Tree::read(root.path()).unwrap();
        let mut findings = Findings::default();
        check(&tree, &mut findings);
        assert_eq!(fs::read_to_string(source.join("lib.rs")).unwrap(), FILE, "it only looks");
        findings.0.iter().map(ToString::to_string).collect()
    }

    fn patch(test: &str, line: &str) -> String {
        format!(
            "Takes out: the bell\nFails: a lib {test}\n\n--- a/crates/a/src/lib.rs\n\
             +++ b/crates/a/src/lib.rs\n@@ -90,3 +90,2 @@\n     keep();\n-    {line}\n }}\n"
        )
    }

    #[test]
    fn a_patch_applies_wherever_its_lines_are() {
        assert!(findings(&patch("rings", "ring();")).is_empty());
    }

    #[test]
    fn a_patch_that_does_not_apply_and_a_test_that_is_not_there_are_found() {
        let said = findings(&patch("rings", "sing();"));
        assert!(said.len() == 1 && said[0].contains("does not apply"), "{said:?}");
        let said = findings(&patch("sings", "ring();"));
        assert_eq!(said, ["guards/L4-bell.patch: there is no test a lib sings"]);
        let said = findings("nonsense\n");
        assert!(said.len() == 1 && said[0].contains("Takes out: "), "{said:?}");
    }
}
