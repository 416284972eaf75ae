//! `docs/guide/trouble.md` has a heading for each problem code, exit code and alert, and for nothing that is none.

use super::Findings;
use crate::tree::Tree;

const PAGE: &str = "docs/guide/trouble.md";

/// A chapter of the page: its heading, the file that lists what must be in it, and how to read that list.
type Chapter = (&'static str, &'static str, fn(&str) -> Vec<&str>);

const CHAPTERS: [Chapter; 3] = [
    ("Exit codes", "docs/reference/cli.md", exit_codes),
    ("Problem codes", "docs/reference/problems.md", problem_codes),
    ("Alerts", "packaging/prometheus/teal.rules.yml", alerts),
];

pub(super) fn check(tree: &Tree, findings: &mut Findings) {
    let Some(page) = tree.file(PAGE) else { return };
    for (chapter, path, read) in CHAPTERS {
        let Some(list) = tree.file(path) else { continue };
        let (expected, explained) = (read(&list.text), explained(&page.text, chapter));
        for name in expected.iter().filter(|name| !explained.contains(name)) {
            let message = format!("explains no {name:?} under \"## {chapter}\"; it is in {path}");
            findings.error(PAGE, None, message);
        }
        for name in explained.iter().filter(|name| !expected.contains(name)) {
            let message =
                format!("explains {name:?} under \"## {chapter}\", which is not in {path}");
            findings.error(PAGE, None, message);
        }
    }
}

/// The names that a chapter explains: its headings of the third level, each with one name or several.
fn explained<'a>(page: &'a str, chapter: &str) -> Vec<&'a str> {
    let mut names = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            inside = heading == chapter;
        } else if let Some(heading) = line.strip_prefix("### ").filter(|_| inside) {
            names.extend(heading.split(", "));
        }
    }
    names
}

/// The first cells of the first table below a heading.
fn cells<'a>(page: &'a str, heading: &str) -> Vec<&'a str> {
    let rest = page.split_once(heading).map_or("", |(_, rest)| rest);
    let rows = rest.lines().skip_while(|line| !line.starts_with('|'));
    let rows = rows.take_while(|line| line.starts_with('|')).skip(2);
    rows.filter_map(|row| row.split('|').nth(1)).map(|cell| cell.trim().trim_matches('`')).collect()
}

fn exit_codes(page: &str) -> Vec<&str> {
    cells(page, "## Exit codes")
}

fn problem_codes(page: &str) -> Vec<&str> {
    cells(page, "# Problems")
}

fn alerts(rules: &str) -> Vec<&str> {
    rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::findings_of;

    #[test]
    fn what_is_missing_and_what_is_invented_are_found() {
        let page = "## Exit codes\n### 0\n### 9\n## Alerts\n### One, Two\n## Other\n### x\n";
        let cli = "## Exit codes\n\n| code | meaning |\n|---|---|\n| 0 | done |\n| 1 | failed |\n";
        let rules = "groups:\n  - rules:\n      - alert: One\n      - alert: Three\n";
        let said =
            findings_of(&[(PAGE, page), (CHAPTERS[0].1, cli), (CHAPTERS[2].1, rules)], check);
        for (name, words) in
            [("1", "no \"1\""), ("9", "\"9\""), ("Three", "no \"Three\""), ("Two", "\"Two\"")]
        {
            assert!(said.iter().any(|said| said.contains(words)), "{name}: {said:?}");
        }
        assert_eq!(said.len(), 4, "{said:?}");
    }

    #[test]
    fn codes_are_read_from_their_table() {
        let page =
            "# Problems\n\ntext\n\n| code | status |\n|---|---|\n| `a_b` | 403 |\n\n| `c` | 1 |\n";
        assert_eq!(problem_codes(page), ["a_b"]);
    }
}
