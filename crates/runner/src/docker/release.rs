//! The version of the Engine's API: the newest one that both sides know.

use std::fmt;
use std::path::Path;

use serde::Deserialize;

use super::trouble::Trouble;

/// The oldest and the newest version of the API that this code knows: those of Docker 20.10 and 29.
const KNOWN: (Release, Release) = (Release(1, 41), Release(1, 52));

/// A version of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Release(u32, u32);

/// The answer to `GET /version`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Versions {
    #[serde(default)]
    version: String,
    api_version: String,
    #[serde(rename = "MinAPIVersion")]
    least: Option<String>,
}

/// The newest version that both sides know.
pub(super) fn agreed(versions: &Versions, socket: &Path) -> Result<Release, Trouble> {
    let Versions { version, api_version, least } = versions;
    let not_understood = |text: &str| {
        Trouble::Lost(format!(
            "Docker's answer to GET /version is not understood: {text:?} is not a version"
        ))
    };
    let newest = Release::parse(api_version).ok_or_else(|| not_understood(api_version))?;
    let oldest = match least {
        Some(least) => Release::parse(least).ok_or_else(|| not_understood(least))?,
        None => Release(1, 0),
    };
    let socket = socket.display();
    if newest < KNOWN.0 {
        return Err(Trouble::Unusable(format!(
            "Docker {version} at {socket} is too old: it speaks version {newest} of its API, and Teal \
             needs {}; upgrade Docker to 20.10 or newer",
            KNOWN.0
        )));
    }
    if oldest > KNOWN.1 {
        return Err(Trouble::Unusable(format!(
            "Docker {version} at {socket} is too new: it speaks version {oldest} of its API and newer, \
             and Teal knows those up to {}; upgrade Teal",
            KNOWN.1
        )));
    }
    Ok(newest.min(KNOWN.1))
}

// === impl Release ===

impl Release {
    fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        Some(Self(major.parse().ok()?, minor.parse().ok()?))
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(newest: &str, least: Option<&str>) -> Result<String, String> {
        let versions = Versions {
            version: "1.2.3".to_owned(),
            api_version: newest.to_owned(),
            least: least.map(str::to_owned),
        };
        let agreed = agreed(&versions, Path::new("/sock"));
        agreed.map(|release| release.to_string()).map_err(|trouble| trouble.to_string())
    }

    #[test]
    fn the_newest_version_that_both_know_is_used() {
        for (newest, least, used) in [
            ("1.41", Some("1.12"), "1.41"),
            ("1.47", Some("1.24"), "1.47"),
            ("1.52", Some("1.44"), "1.52"),
            ("1.60", Some("1.52"), "1.52"),
            ("2.0", None, "1.52"),
        ] {
            assert_eq!(versions(newest, least).as_deref(), Ok(used), "{newest} {least:?}");
        }
        for (newest, least, word) in [
            ("1.40", Some("1.12"), "upgrade Docker to 20.10 or newer"),
            ("1.9", None, "upgrade Docker to 20.10 or newer"),
            ("1.60", Some("1.53"), "upgrade Teal"),
            ("new", None, "\"new\" is not a version"),
            ("1.41", Some(""), "\"\" is not a version"),
        ] {
            let error = versions(newest, least).expect_err(newest);
            assert!(error.contains(word), "{error}");
        }
    }
}
