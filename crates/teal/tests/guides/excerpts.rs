//! What the recipes show of a file is in that file, and what the comparison shows was measured.

use std::fs;
use std::path::Path;

use crate::file;

/// The languages of blocks that show a part of a file.
const SHOWN: [&str; 6] = ["toml", "ini", "python", "ruby", "js", "go"];

/// The text of all files below a directory.
fn texts(directory: &Path, all: &mut String) {
    for entry in fs::read_dir(directory).expect("a directory of examples") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            texts(&path, all);
        } else {
            all.push_str(&fs::read_to_string(&path).expect("an example is text"));
        }
    }
}

/// The lines of a page that are in blocks of these languages, without comments.
fn shown(page: &str) -> Vec<String> {
    let mut language = None;
    let mut lines = Vec::new();
    for line in page.lines() {
        if let Some(begins) = line.strip_prefix("```") {
            language = (language.is_none()).then_some(begins);
        } else if language.is_some_and(|language| SHOWN.contains(&language)) {
            let code = line.split("  #").next().unwrap_or_default();
            let code = code.split(" // ").next().unwrap_or_default().trim();
            lines.extend((!code.is_empty()).then(|| code.to_owned()));
        }
    }
    lines
}

#[test]
fn what_the_recipes_show_is_in_the_files_that_the_tests_run() {
    for name in ["django", "rails", "node", "go", "cdn"] {
        let page = fs::read_to_string(file(&format!("docs/guide/recipes/{name}.md"))).expect(name);
        let mut files = String::new();
        texts(&file(&format!("examples/{name}")), &mut files);
        let lines = shown(&page);
        assert!(lines.len() > 5, "{name} shows only {lines:?}");
        for line in lines {
            assert!(
                files.contains(&line),
                "{name}.md shows {line:?}, which no file of its example has"
            );
        }
    }
}

/// The numbers in a text, without the commas between thousands.
fn numbers(text: &str) -> Vec<String> {
    let words = text.split(|letter: char| !letter.is_ascii_digit() && !".,".contains(letter));
    let words = words.map(|word| word.trim_matches(['.', ',']).replace(',', ""));
    words.filter(|word| !word.is_empty()).collect()
}

#[test]
fn each_figure_of_the_comparison_was_measured() {
    let mut results = String::new();
    texts(&file("bench/results"), &mut results);
    let measured: Vec<f64> =
        numbers(&results).iter().filter_map(|word| word.parse().ok()).collect();
    let page = fs::read_to_string(file("docs/guide/comparison.md")).expect("the comparison");
    let part = page.split("\n## Strictness").next().expect("there is a first part");
    let mut checked = 0;
    for row in part.lines().filter(|line| line.starts_with('|')) {
        let cells = row.split('|').skip(2).map(|cell| cell.split('[').next().unwrap_or_default());
        for figure in cells.flat_map(numbers) {
            let places = figure.split_once('.').map_or(0, |(_, places)| places.len());
            let found = measured.iter().any(|result| format!("{result:.places$}") == figure);
            assert!(found, "{figure} is in no file of bench/results: {row}");
            checked += 1;
        }
    }
    assert!(checked > 20, "only {checked} figures were found");
}
