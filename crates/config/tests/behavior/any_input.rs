//! No input panics, whatever is done to a good file.

use crate::spoiled::{FILE, parse};
use proptest::collection::vec;
use proptest::prelude::*;

const CONTRACT: &str = include_str!("contract.toml");

/// Pieces that mean something in TOML or here, to reach deeper than noise does.
const PIECES: [&str; 24] = [
    "[[service]]",
    "[service]",
    "[admin]",
    "tokens",
    "=",
    "\"",
    "[",
    "]",
    "{",
    "}",
    "\n",
    ",",
    "0",
    "-1",
    "99999999999999999999",
    "1.5",
    "true",
    "\"5s\"",
    "\"\u{0}\"",
    "é",
    "#",
    ".",
    "'''",
    "1979-05-27",
];

/// Whatever comes out, every problem has a place inside the text.
fn check(text: &str) {
    let Err(problems) = parse(text) else { return };
    let lines = text.lines().count().max(1) + 1;
    assert!(problems.len() > 0);
    for problem in problems.iter() {
        assert!(problem.line.is_none_or(|line| (1..=lines).contains(&line)), "{problem}");
        assert!(!problem.message.is_empty() && !problem.message.contains('\n'), "{problem:?}");
    }
}

proptest! {
    #[test]
    fn noise_never_panics(text in "\\PC*") {
        check(&text);
    }

    #[test]
    fn pieces_of_the_language_never_panic(pieces in vec(prop::sample::select(&PIECES[..]), 0..40)) {
        check(&pieces.concat());
    }

    #[test]
    fn a_good_file_with_pieces_put_in_never_panics(
        at in vec((any::<prop::sample::Index>(), prop::sample::select(&PIECES[..])), 1..5),
        cut in 0..40usize,
    ) {
        let mut text: Vec<char> = CONTRACT.chars().collect();
        for (place, piece) in at {
            let place = place.index(text.len());
            let end = (place + cut).min(text.len());
            text.splice(place..end, piece.chars());
        }
        check(&text.into_iter().collect::<String>());
    }

    #[test]
    fn any_value_of_any_key_never_panics(
        value in prop_oneof![
            any::<i64>().prop_map(|n| n.to_string()),
            any::<f64>().prop_map(|n| n.to_string()),
            any::<String>().prop_map(|text| format!("{text:?}")),
            Just("{}".to_owned()), Just("[]".to_owned()), Just("[[1], {}]".to_owned()),
            "[0-9]{1,25}(ms|s|m|h|MiB)".prop_map(|text| format!("{text:?}")),
        ],
        line in 0..50usize,
    ) {
        let replace = |(at, old): (usize, &str)| match old.split_once('=') {
            Some((key, _)) if at == line => format!("{key}= {value}"),
            _ => old.to_owned(),
        };
        let lines: Vec<String> = CONTRACT.lines().enumerate().map(replace).collect();
        check(&lines.join("\n"));
    }
}

#[test]
fn deep_nesting_is_refused_and_does_not_overflow_the_stack() {
    for open in ["[", "{a=", "[{a="] {
        check(&format!("{FILE}x = {}", open.repeat(100_000)));
    }
    check(&format!("{}x = 1", "a.".repeat(50_000)));
    check(&format!("[{}x]", "service.".repeat(50_000)));
}
