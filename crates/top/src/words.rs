//! Words for cells: cleaned of what a terminal would obey, cut to a width, broken into lines; figures as people read
//! them.

use std::time::Duration;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The most characters of a text that are looked at: far more than a line has.
const LOOKED_AT: usize = 2000;

/// Makes one line of a text that came over the network: without control characters, and without those that are
/// invisible or turn the direction of what follows.
pub(crate) fn clean(text: &str) -> String {
    let mut cleaned = String::new();
    for char in text.trim_end().chars().take(LOOKED_AT) {
        match char {
            '\n' if cleaned.ends_with(':') => cleaned.push(' '),
            '\n' => cleaned.push_str("; "),
            '\t' => cleaned.push(' '),
            '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}' => {}
            char if char.is_control() => cleaned.push('\u{fffd}'),
            char => cleaned.push(char),
        }
    }
    cleaned
}

/// Cuts a text to a number of cells; `…` stands for the rest.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut left = width.saturating_sub(1);
    let fits = |char: &char| {
        let rest = left.checked_sub(char.width().unwrap_or(0));
        left = rest.unwrap_or(0);
        rest.is_some()
    };
    let mut short: String = text.chars().take_while(fits).collect();
    if width > 0 {
        short.push('…');
    }
    short
}

/// Breaks a text at its spaces into at most `most` lines of `width` cells; the last one is cut.
pub(crate) fn wrapped(text: &str, width: usize, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut words = text.split(' ').peekable();
    while let Some(word) = words.next() {
        let fits = lines.last().is_some_and(|line| line.width() + 1 + word.width() <= width);
        let has_room = lines.len() + 1 < most;
        match lines.last_mut() {
            Some(line) if fits => {
                line.push(' ');
                line.push_str(word);
            }
            _ if has_room => lines.push(cut(word, width)),
            _ => {
                let rest = words.by_ref().fold(word.to_owned(), |rest, word| rest + " " + word);
                lines.push(cut(&rest, width));
            }
        }
    }
    lines
}

/// The number of cells of a text.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// Formats a number of seconds for people.
pub(crate) fn seconds(seconds: f64) -> String {
    contract::duration::show(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

/// Formats a time that has passed, in whole seconds.
pub(crate) fn whole_seconds(time: Duration) -> String {
    contract::duration::show(Duration::from_secs(time.as_secs().max(1)))
}

/// Formats a count with commas: `12,345`.
pub(crate) fn count(number: u64) -> String {
    grouped(&number.to_string())
}

fn grouped(digits: &str) -> String {
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats a rate: with a decimal only where it tells something.
pub(crate) fn rate(rate: f64) -> String {
    if rate > 0.0 && rate < 9.95 && rate.fract() > 0.0 {
        return format!("{rate:.1}");
    }
    grouped(&format!("{:.0}", rate.max(0.0)))
}

/// Formats milliseconds.
pub(crate) fn millis(millis: f64) -> String {
    match millis {
        ..0.995 => format!("{millis:.2} ms"),
        ..99.95 => format!("{millis:.1} ms"),
        ..9999.5 => format!("{millis:.0} ms"),
        _ => format!("{:.1} s", millis / 1000.0),
    }
}

/// Formats a time of the API, `2026-11-23T15:04:05.678Z`, in the width of a line: `11-23 15:04:05`.
pub(crate) fn when(time: &str) -> String {
    time.get(5..19).map_or_else(|| clean(time), |short| clean(&short.replace('T', " ")))
}

/// Formats one of several: `1 service`, `2 services`.
pub(crate) fn many(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(number as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        let evil = "503 \x1b]0;owned\x07\x1b[2J\u{9b}31m\u{202e}fdp\r";
        let cleaned = clean(evil);
        assert!(
            !cleaned.contains(char::is_control) && !cleaned.contains('\u{202e}'),
            "{cleaned:?}"
        );
        assert!(cleaned.starts_with("503 ") && cleaned.contains("owned"), "{cleaned:?}");
        assert_eq!(clean("a:\nb\nc\n"), "a: b; c");
        assert!(clean(&"x".repeat(9000)).len() <= LOOKED_AT);
    }

    #[test]
    fn a_text_is_cut_by_its_cells_and_not_by_its_bytes() {
        assert_eq!(cut("blue", 4), "blue");
        assert_eq!(cut("bluish", 4), "blu…");
        assert_eq!(cut("青緑青緑", 5), "青緑…");
        assert_eq!(cut("青緑青緑", 4), "青…");
        assert_eq!(cut("blue", 1), "…");
        assert_eq!(cut("blue", 0), "");
    }

    #[test]
    fn lines_are_broken_at_spaces_and_the_last_is_cut() {
        assert_eq!(wrapped("one two three", 7, 5), ["one two", "three"]);
        assert_eq!(wrapped("one two three four", 7, 2), ["one two", "three …"]);
        assert_eq!(wrapped("abcdefghij k", 5, 3), ["abcd…", "k"]);
    }

    #[test]
    fn figures_are_short() {
        assert_eq!(
            (count(0), count(999), count(1_234_567)),
            ("0".into(), "999".into(), "1,234,567".into())
        );
        assert_eq!((rate(0.0), rate(0.5), rate(412.4)), ("0".into(), "0.5".into(), "412".into()));
        assert_eq!(
            (millis(0.8), millis(12.34), millis(12_345.0)),
            ("0.80 ms".into(), "12.3 ms".into(), "12.3 s".into())
        );
        assert_eq!(
            (many(1, "service"), many(500, "service")),
            ("1 service".into(), "500 services".into())
        );
    }
}
