//! Suggestions for misspelled names, and lists that stay short however many names there are.

use std::fmt;

/// The most names that a sentence lists.
pub const FEW: usize = 5;

/// The most names that are proposed for a wrong one.
const PROPOSED: usize = 3;

/// The longest word that is compared.
const LONGEST: usize = 64;

/// Returns the names most like a wrong one, the nearest first: those that share its beginning, or have a
/// few letters more, fewer or different.
pub fn nearest<'n>(wrong: &str, names: impl IntoIterator<Item = &'n str>) -> Vec<&'n str> {
    let most = (wrong.len() / 3).clamp(1, 3);
    let far = |name: &str| {
        let begins = wrong.len() > 2 && name.starts_with(wrong);
        let distance = distance(wrong, name);
        (distance <= most).then_some(distance).or(begins.then_some(most + 1))
    };
    let mut found: Vec<_> =
        names.into_iter().filter_map(|name| far(name).map(|far| (far, name))).collect();
    found.sort_unstable();
    found.truncate(PROPOSED);
    found.into_iter().map(|(_, name)| name).collect()
}

/// Letters to change, add or drop to come from one word to the other; many for long ones.
pub fn distance(one: &str, other: &str) -> usize {
    if one.len() > LONGEST || other.len() > LONGEST {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(other.bytes()) {
            let here = (diagonal + usize::from(a != b)).min(left + 1).min(*cell + 1);
            diagonal = *cell;
            *cell = here;
            left = here;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

/// Names as a list in a sentence: all if they are few, else the first and how many more there are.
#[derive(Clone, Copy, Debug)]
pub struct NameList<'n, T>(pub &'n [T]);

impl<T: fmt::Display> fmt::Display for NameList<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(names) = *self;
        if names.is_empty() {
            return f.write_str("none");
        }
        for (index, name) in names.iter().take(FEW).enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{name}")?;
        }
        match names.len().saturating_sub(FEW) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// A sentence about a name that does not exist: the existing names if they are few, else the most similar
/// ones, and their number.
#[derive(Clone, Copy, Debug)]
pub struct UnknownName<'n, T> {
    /// The kind of thing it would name, such as `service`.
    pub kind: &'n str,
    /// The name that does not exist.
    pub name: &'n str,
    /// All names.
    pub names: &'n [T],
}

impl<T: fmt::Display + AsRef<str>> fmt::Display for UnknownName<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, name, names } = *self;
        write!(f, "no {kind} is called {name}; ")?;
        if names.len() <= FEW {
            return write!(f, "there are: {}", NameList(names));
        }
        match &nearest(name, names.iter().map(AsRef::as_ref))[..] {
            [] => write!(f, "there are {} others, such as {}", names.len(), names[0]),
            near => write!(f, "did you mean {}? There are {}", near.join(" or "), names.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown(name: &str, names: &[&str]) -> String {
        UnknownName { kind: "service", name, names }.to_string()
    }

    #[test]
    fn r74_an_unknown_name_gets_the_few_known_ones_or_a_suggestion() {
        assert_eq!(unknown("wep", &["web"]), "no service is called wep; there are: web");
        assert_eq!(unknown("wep", &[]), "no service is called wep; there are: none");
        let many: Vec<String> = (0..2000).map(|n| format!("shop-{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let said = unknown("shop-19999", &many);
        assert!(
            said.starts_with("no service is called shop-19999; did you mean shop-1999"),
            "{said}"
        );
        assert!(said.ends_with("? There are 2000") && said.len() < 120, "{said}");
        let said = unknown("mail", &many);
        assert_eq!(said, "no service is called mail; there are 2000 others, such as shop-0");
        assert_eq!(
            nearest("sho", ["shop", "shoe", "shopping-cart", "x"]),
            ["shoe", "shop", "shopping-cart"]
        );
        assert_eq!(
            NameList(&many).to_string(),
            "shop-0, shop-1, shop-2, shop-3, shop-4 and 1995 more"
        );
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "to"), 2);
        assert_eq!(distance(&"a".repeat(65), "a"), usize::MAX);
    }
}
