//! The cookies of a `Cookie` field (RFC 6265 section 4.2). Guarantees that cookies other than the one asked for stay
//! byte for byte as they are. Never decodes a value.

use std::borrow::Cow;

/// Returns the values of the cookies with this name. Names are case-sensitive.
pub(crate) fn values<'b>(field: &'b [u8], name: &'b str) -> impl Iterator<Item = &'b [u8]> {
    field.split(|byte| *byte == b';').filter_map(move |pair| value(pair, name))
}

/// Returns the field without the cookies of this name.
pub(crate) fn without<'b>(field: &'b [u8], name: &str) -> Cow<'b, [u8]> {
    let is_other = |pair: &&[u8]| value(pair, name).is_none();
    let pairs = || field.split(|byte| *byte == b';');
    if pairs().all(|pair| is_other(&pair)) {
        return field.into();
    }
    let rest = pairs().filter(is_other).collect::<Vec<_>>().join(&b';');
    Cow::Owned(rest.trim_ascii_start().to_vec())
}

fn value<'b>(pair: &'b [u8], name: &str) -> Option<&'b [u8]> {
    let at = pair.iter().position(|byte| *byte == b'=')?;
    let (before, after) = pair.split_at(at);
    (before.trim_ascii() == name.as_bytes()).then(|| after[1..].trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_and_removed_and_the_others_stay_as_they_are() {
        for (field, found, rest) in [
            ("", &[][..], ""),
            ("a=1", &[], "a=1"),
            ("t=1", &["1"], ""),
            ("t=1; a=2", &["1"], "a=2"),
            ("a=2; t=1", &["1"], "a=2"),
            ("a=2;  b = \"x\";t=1;c", &["1"], "a=2;  b = \"x\";c"),
            ("t=1; a=t=2; t=3=4; tt=5; T=6; t", &["1", "3=4"], "a=t=2; tt=5; T=6; t"),
            ("t=; a=1;", &[""], "a=1;"),
        ] {
            let values: Vec<_> = values(field.as_bytes(), "t").collect();
            let expected: Vec<_> = found.iter().map(|value| value.as_bytes()).collect();
            assert_eq!(values, expected, "{field}");
            assert_eq!(without(field.as_bytes(), "t"), rest.as_bytes(), "{field}");
        }
    }
}
