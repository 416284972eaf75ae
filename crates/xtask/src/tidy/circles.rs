//! No circle of modules inside a crate: a file or folder at the top of `src/` imports only modules that do
//! not import it back, directly or indirectly.
//!
//! It reads the `use` declarations with `crate::`, `super::` and `self::` in shipped code, not in tests.

use std::collections::{BTreeMap, BTreeSet};

use super::Findings;
use crate::tree::Tree;

/// The names that a module imports from each other one.
type Graph = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

pub(super) fn check(tree: &Tree, findings: &mut Findings) {
    let crates: BTreeSet<&str> =
        tree.rust().filter_map(|file| Some(split(&file.path)?.0)).collect();
    for name in crates {
        let graph = graph(name, tree);
        let path = format!("crates/{name}/src");
        for circle in circles(&graph) {
            let ties = ties(&graph, &circle);
            let message = format!("modules import each other in a circle: {}", ties.join("; "));
            findings.error(&path, None, message);
        }
    }
}

/// The crate of a source file, and its path in `src/`.
fn split(path: &str) -> Option<(&str, &str)> {
    path.strip_prefix("crates/")?.split_once("/src/")
}

/// The module path of a file: `a/b.rs` and `a/b/mod.rs` are `a`, `b`. None for the root and tests.
fn module(inside: &str) -> Option<Vec<&str>> {
    let mut parts: Vec<&str> = inside.strip_suffix(".rs")?.split('/').collect();
    if parts.contains(&"tests") || parts.first() == Some(&"bin") {
        return None;
    }
    if matches!(parts.last(), Some(&("mod" | "lib" | "main"))) {
        parts.pop();
    }
    (!parts.is_empty()).then_some(parts)
}

fn graph(name: &str, tree: &Tree) -> Graph {
    let files = tree.rust().filter_map(|file| {
        let (of, inside) = split(&file.path)?;
        let module = module(inside).filter(|_| of == name)?;
        Some((module, &*file.text))
    });
    let files: Vec<(Vec<&str>, &str)> = files.collect();
    let tops: BTreeSet<&str> =
        files.iter().filter_map(|(module, _)| module.first().copied()).collect();
    let mut graph = Graph::new();
    for (module, text) in &files {
        let shipped = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        for path in imports(shipped) {
            let Some((top, taken)) = target(module, &path) else { continue };
            if tops.contains(&*top) && top != module[0] {
                graph
                    .entry(module[0].to_owned())
                    .or_default()
                    .entry(top)
                    .or_default()
                    .insert(taken);
            }
        }
    }
    graph
}

/// The top-level module that a path leads to from here, and the imported name.
fn target(module: &[&str], path: &str) -> Option<(String, String)> {
    let mut parts: Vec<&str> = path.split("::").collect();
    let mut base = module.to_vec();
    if parts.first() == Some(&"crate") {
        base.clear();
        parts.remove(0);
    }
    while let Some(&first @ ("super" | "self")) = parts.first() {
        parts.remove(0);
        if first == "super" {
            base.pop();
        }
    }
    let taken = parts.last().copied().unwrap_or_default().to_owned();
    let top = base.first().or(parts.first())?;
    Some(((*top).to_owned(), taken))
}

/// Every path that a text imports from its own crate, one for each name.
fn imports(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let text: Vec<&str> = lines.collect();
    let text = text.join("\n");
    let mut all = Vec::new();
    for (at, _) in text.match_indices("use ") {
        let is_word = text[..at]
            .chars()
            .next_back()
            .is_none_or(|before| !before.is_alphanumeric() && before != '_');
        let rest = text[at + 4..].trim_start();
        let own = ["crate::", "super::", "self::"].iter().any(|root| rest.starts_with(root));
        let Some((declaration, _)) = rest.split_once(';').filter(|_| is_word && own) else {
            continue;
        };
        let words: Vec<&str> = declaration.split_whitespace().collect();
        expand("", &words.join(" ").replace(":: ", "::").replace(" ::", "::"), &mut all);
    }
    all
}

/// `a::{b, c::{d}}` is `a::b` and `a::c::d`.
fn expand(prefix: &str, path: &str, all: &mut Vec<String>) {
    let path = path.trim();
    let Some((before, inside)) = path.split_once('{') else {
        let name = path.split(" as ").next().unwrap_or_default();
        if !name.is_empty() {
            all.push(format!("{prefix}{name}"));
        }
        return;
    };
    let prefix = format!("{prefix}{}", before.trim());
    let inside = inside.trim_end().strip_suffix('}').unwrap_or(inside);
    let (mut depth, mut from) = (0_usize, 0);
    for (at, character) in inside.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                expand(&prefix, &inside[from..at], all);
                from = at + 1;
            }
            _ => {}
        }
    }
    expand(&prefix, &inside[from..], all);
}

/// The groups of modules that all reach each other.
fn circles(graph: &Graph) -> Vec<BTreeSet<String>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        graph.keys().map(|module| (&**module, reach(graph, module))).collect();
    let mut found: Vec<BTreeSet<String>> = Vec::new();
    for (module, others) in &reached {
        let back = |other: &&&str| reached.get(**other).is_some_and(|from| from.contains(module));
        let circle: BTreeSet<String> =
            others.iter().filter(back).map(|one| (*one).to_owned()).collect();
        if circle.len() > 1 && !found.contains(&circle) {
            found.push(circle);
        }
    }
    found
}

/// The modules that one imports, directly or indirectly; includes itself if it is in a circle.
fn reach<'g>(graph: &'g Graph, module: &str) -> BTreeSet<&'g str> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&str> = vec![module];
    while let Some(module) = next.pop() {
        for other in graph.get(module).into_iter().flat_map(BTreeMap::keys) {
            if reached.insert(&**other) {
                next.push(other);
            }
        }
    }
    reached
}

fn ties(graph: &Graph, circle: &BTreeSet<String>) -> Vec<String> {
    let arrows = circle.iter().flat_map(|module| {
        graph.get(module).into_iter().flatten().map(move |arrow| (module, arrow))
    });
    let inside = arrows.filter(|(_, (other, _))| circle.contains(*other));
    let told = inside.map(|(module, (other, names))| {
        let names: Vec<&str> = names.iter().map(|name| &**name).collect();
        format!("{module} takes {} from {other}", names.join(", "))
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::findings_of;

    #[test]
    fn paths_are_read_whatever_their_form() {
        let text = "// use crate::no;\nuse crate::a::{self, B, c::{D, E as F}};\npub(crate) use super::g;\n\
                    use std::fmt;\nreuse crate::h;\nuse crate::\n    i::J;\n";
        let all = [
            "crate::a::self",
            "crate::a::B",
            "crate::a::c::D",
            "crate::a::c::E",
            "super::g",
            "crate::i::J",
        ];
        assert_eq!(imports(text), all);
    }

    #[test]
    fn a_circle_is_found_through_folders_and_by_super() {
        let files = [
            ("crates/a/src/lib.rs", "mod one;\nmod two;\nmod three;\n"),
            ("crates/a/src/one/mod.rs", "mod inner;\n"),
            ("crates/a/src/one/inner.rs", "use super::super::two::Two;\n"),
            ("crates/a/src/two.rs", "use crate::three::{Three, third};\n"),
            ("crates/a/src/three.rs", "use crate::one::One;\n"),
        ];
        assert_eq!(
            findings_of(&files, check),
            ["crates/a/src: modules import each other in a circle: one takes Two from two; \
              three takes One from one; two takes Three, third from three"]
        );
    }

    #[test]
    fn a_folder_of_its_own_and_imports_of_tests_are_not_a_circle() {
        let files = [
            ("crates/a/src/one.rs", "mod inner;\nuse self::inner::Inner;\nuse crate::two::Two;\n"),
            ("crates/a/src/one/inner.rs", "use super::Outer;\n"),
            (
                "crates/a/src/two.rs",
                "pub struct Two;\n#[cfg(test)]\nmod tests {\n    use crate::one::One;\n}\n",
            ),
            ("crates/a/src/two/tests.rs", "use crate::one::One;\n"),
        ];
        assert_eq!(findings_of(&files, check), [""; 0]);
    }
}
