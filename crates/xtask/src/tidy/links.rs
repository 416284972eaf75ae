//! Links between documents: the file is there, and so is the heading that the link names.

use std::collections::BTreeMap;

use super::Findings;
use crate::tree::{SourceFile, Tree};

pub(super) fn check(tree: &Tree, findings: &mut Findings) {
    let pages = tree.files.iter().filter(|file| file.has_extension("md"));
    let anchors: BTreeMap<&str, Vec<String>> =
        pages.clone().map(|page| (page.path.as_str(), anchors(&page.text))).collect();
    for page in pages {
        for (number, link) in links(page) {
            if let Some(why) = problem(page, link, tree, &anchors) {
                findings.error(&page.path, number, why);
            }
        }
    }
}

/// The targets of the links of a page with their lines, without those in blocks of code.
fn links(page: &SourceFile) -> impl Iterator<Item = (usize, &str)> {
    let mut inside = false;
    let prose = page.lines().filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        inside ^= fence;
        !inside && !fence
    });
    prose.flat_map(|(number, line)| {
        let links = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        links.map(move |link| (number, link))
    })
}

/// The reason why a link leads nowhere. Links to other hosts are not followed.
fn problem(
    page: &SourceFile,
    link: &str,
    tree: &Tree,
    anchors: &BTreeMap<&str, Vec<String>>,
) -> Option<String> {
    if link.is_empty() || link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (target, anchor) = link.split_once('#').unwrap_or((link, ""));
    let folder = page.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    if !target.is_empty() && !tree.root.join(folder).join(target).exists() {
        return Some(format!("the link {target:?} is broken"));
    }
    let path = if target.is_empty() { page.path.clone() } else { resolve(folder, target) };
    let there = anchors.get(&*path)?;
    if anchor.is_empty() || there.iter().any(|heading| heading == anchor) {
        return None;
    }
    Some(format!("{path} has no heading for the link {link:?}"))
}

/// The path from the root of `target`, which is relative to `folder`.
fn resolve(folder: &str, target: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The anchors of the headings of a page, as GitHub and mdBook make them.
pub(super) fn anchors(text: &str) -> Vec<String> {
    let mut inside = false;
    let mut found: Vec<String> = Vec::new();
    for line in text.lines() {
        inside ^= line.starts_with("```");
        let heading = line.trim_start_matches('#').strip_prefix(' ');
        let Some(heading) = heading.filter(|_| !inside && line.starts_with('#')) else { continue };
        let anchor = anchor(heading);
        let before = found.iter().filter(|one| **one == anchor).count();
        found.push(if before == 0 { anchor } else { format!("{anchor}-{before}") });
    }
    found
}

/// Small letters, digits, `_` and hyphens, which also stand for spaces; nothing of a link but its words.
fn anchor(heading: &str) -> String {
    let mut words = String::new();
    let mut rest = heading.trim();
    while let Some((before, after)) = rest.split_once("](") {
        words.push_str(before);
        rest = after.split_once(')').map_or("", |(_, rest)| rest);
    }
    words.push_str(rest);
    let kept = |letter: char| match letter {
        ' ' => Some('-'),
        '-' | '_' => Some(letter),
        letter => letter.is_alphanumeric().then_some(letter),
    };
    words.to_lowercase().chars().filter_map(kept).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::findings_of;

    #[test]
    fn a_heading_has_the_anchor_that_hosts_of_repositories_give_it() {
        for (heading, expected) in [
            ("What to look at", "what-to-look-at"),
            ("`[[listener]]` and *more*", "listener-and-more"),
            ("L1: a [link](there.md), then", "l1-a-link-then"),
            ("TealNotScraped", "tealnotscraped"),
            ("deploy_in_progress", "deploy_in_progress"),
        ] {
            assert_eq!(anchor(heading), expected);
        }
        let text = "# One\n```console\n# not one\n```\n## One\n";
        assert_eq!(anchors(text), ["one", "one-1"]);
    }

    #[test]
    fn a_link_to_a_missing_file_or_heading_is_found() {
        let page = "# There\n[x](nowhere.md) [y](#there) [z](#not-there) [e](https://example.com#x)\n\
                    ```text\n[c](code.md)\n```\n";
        assert_eq!(
            findings_of(&[("docs/a.md", page)], check),
            [
                "docs/a.md:2: the link \"nowhere.md\" is broken",
                "docs/a.md:2: docs/a.md has no heading for the link \"#not-there\"",
            ]
        );
    }

    #[test]
    fn a_relative_path_is_resolved_from_the_page() {
        assert_eq!(resolve("docs/guide", "../reference/a.md"), "docs/reference/a.md");
        assert_eq!(resolve("", "docs/./a.md"), "docs/a.md");
    }
}
