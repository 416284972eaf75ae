//! Log levels: one for all of Teal, and others for its modules.
//!
//! Guaranteed: whatever level is set, libraries log nothing below `info`, since their debug output shows
//! data of requests, such as HTTP/2 header fields.

use std::fmt;
use std::str::FromStr;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;

use crate::exit::Failure;

/// Crates that log. Their modules can be named, too: `control::health`.
const CRATES: [&str; 7] = ["acme", "admin", "control", "journal", "peer", "proxy", "teal"];

/// Levels by their names, from the quietest on.
const LEVELS: [(&str, LevelFilter); 6] = [
    ("off", LevelFilter::OFF),
    ("error", LevelFilter::ERROR),
    ("warn", LevelFilter::WARN),
    ("info", LevelFilter::INFO),
    ("debug", LevelFilter::DEBUG),
    ("trace", LevelFilter::TRACE),
];

/// The environment variable with the levels, used if `--log-level` is not given.
const VARIABLE: &str = "TEAL_LOG";

/// The events that are logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Levels {
    all: LevelFilter,
    modules: Vec<(String, LevelFilter)>,
}

/// Text that is not a list of levels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LevelError(String);

/// The allowed levels, in words.
pub(crate) fn allowed() -> String {
    let names = LEVELS.map(|(name, _)| name).join(", ");
    format!(
        "one of {names}, for all of Teal or per module, such as \"info,proxy=debug\"; modules begin with {}",
        CRATES.join(", ")
    )
}

// === impl Levels ===

impl Levels {
    /// Returns those of the command line, else those of the environment, else `info`.
    ///
    /// # Errors
    /// The variable does not hold valid levels.
    pub(crate) fn chosen(flag: Option<&Self>) -> Result<Self, Failure> {
        let named = std::env::var(VARIABLE).ok().filter(|text| !text.is_empty());
        match (flag, named) {
            (Some(levels), _) => Ok(levels.clone()),
            (None, Some(text)) => {
                text.parse().map_err(|error| Failure::usage(format!("{VARIABLE}: {error}")))
            }
            (None, None) => Ok(Self::default()),
        }
    }

    /// Returns the filter for events.
    pub(crate) fn filter(&self) -> Targets {
        Targets::new()
            .with_default(self.all.min(LevelFilter::INFO))
            .with_targets(CRATES.map(|name| (name, self.all)))
            .with_targets(self.modules.iter().cloned())
    }
}

impl Default for Levels {
    fn default() -> Self {
        Self { all: LevelFilter::INFO, modules: Vec::new() }
    }
}

impl FromStr for Levels {
    type Err = LevelError;

    /// Reads `debug`, `warn,proxy=debug` or `control::health=trace`.
    fn from_str(text: &str) -> Result<Self, LevelError> {
        let mut levels = Self::default();
        for part in text.split(',').map(str::trim) {
            let wrong = || LevelError(part.to_owned());
            let level = |name: &str| {
                let known =
                    LEVELS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name.trim()));
                known.map(|(_, level)| *level).ok_or_else(wrong)
            };
            match part.split_once('=') {
                None => levels.all = level(part)?,
                Some((module, name)) => {
                    let module = module.trim();
                    let first = module.split("::").next().unwrap_or_default();
                    let is_path =
                        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_:".contains(c);
                    if !CRATES.contains(&first) || !module.chars().all(is_path) {
                        return Err(wrong());
                    }
                    levels.modules.push((module.to_owned(), level(name)?));
                }
            }
        }
        Ok(levels)
    }
}

impl fmt::Display for Levels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |level: LevelFilter| {
            LEVELS.iter().find(|(_, known)| *known == level).map_or("info", |(name, _)| name)
        };
        f.write_str(name(self.all))?;
        self.modules.iter().try_for_each(|(module, level)| write!(f, ",{module}={}", name(*level)))
    }
}

impl fmt::Display for LevelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not a log level: write {}", self.0, allowed())
    }
}

impl std::error::Error for LevelError {}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    fn levels(text: &str) -> Levels {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn a_level_is_for_all_or_for_modules() {
        for text in
            ["info", "off", "trace", "warn,proxy=debug", "info,control::health=trace,admin=off"]
        {
            assert_eq!(levels(text).to_string(), text);
        }
        assert_eq!(levels(" WARN , proxy = Debug ").to_string(), "warn,proxy=debug");
        assert_eq!(levels("proxy=debug").to_string(), "info,proxy=debug", "the rest is as usual");
        let filter = levels("warn,proxy=debug,proxy::upstream=trace").filter();
        let lets = |target: &str, level| filter.would_enable(target, &level);
        assert!(lets("control::core", Level::WARN) && !lets("control::core", Level::INFO));
        assert!(lets("proxy::listener", Level::DEBUG) && !lets("proxy::listener", Level::TRACE));
        assert!(lets("proxy::upstream::link", Level::TRACE));
    }

    #[test]
    fn libraries_never_say_more_than_usual() {
        for (text, most) in [("trace", Level::INFO), ("warn", Level::WARN)] {
            let filter = levels(text).filter();
            assert!(filter.would_enable("h2::codec", &most), "{text}");
            for more in [Level::DEBUG, Level::TRACE] {
                assert!(!filter.would_enable("h2::codec", &more), "{text}");
                assert!(!filter.would_enable("hyper", &more), "{text}");
            }
        }
        assert!("h2=trace".parse::<Levels>().is_err(), "nor can they be named");
    }

    #[test]
    fn an_unknown_level_is_refused_with_the_allowed_ones() {
        for text in [
            "",
            "loud",
            "debug,",
            "proxy",
            "proxy=",
            "=debug",
            "proxy=loud",
            "hyper=debug",
            "proxy =;=debug",
        ] {
            let error = text.parse::<Levels>().expect_err(text).to_string();
            for words in ["is not a log level", "off, error, warn, info, debug, trace", "proxy"] {
                assert!(error.contains(words), "{text}: {error}");
            }
        }
    }
}
