//! `teal version`: what this program was built from, and how.

use serde::Serialize;

use crate::Outcome;
use crate::cli::VersionArgs;
use crate::exit::Exit;
use crate::show;

/// The facts of a build, which `build.rs` has collected.
#[derive(Debug, Serialize)]
struct Build {
    version: &'static str,
    /// `None` if the build did not record it.
    commit: Option<&'static str>,
    /// The sources had changes that are not part of the commit.
    dirty: bool,
    profile: &'static str,
    target: &'static str,
    features: Vec<&'static str>,
    rustc: &'static str,
}

impl Build {
    fn this() -> Self {
        let commit = env!("TEAL_BUILD_COMMIT");
        let features = env!("TEAL_BUILD_FEATURES").split(',').filter(|name| !name.is_empty());
        Self {
            version: env!("CARGO_PKG_VERSION"),
            commit: (!commit.is_empty()).then_some(commit),
            dirty: env!("TEAL_BUILD_DIRTY") == "true",
            profile: env!("TEAL_BUILD_PROFILE"),
            target: env!("TEAL_BUILD_TARGET"),
            features: features.collect(),
            rustc: env!("TEAL_BUILD_RUSTC"),
        }
    }

    fn text(&self) -> String {
        let commit = match (self.commit, self.dirty) {
            (None, _) => "not recorded",
            (Some(commit), false) => commit,
            (Some(commit), true) => &format!("{commit}, with changes"),
        };
        let features =
            if self.features.is_empty() { "none".to_owned() } else { self.features.join(", ") };
        let Self { version, profile, target, rustc, .. } = self;
        format!(
            "teal {version}\nCommit: {commit}\nProfile: {profile}\nTarget: {target}\n\
             Features: {features}\nCompiler: {rustc}"
        )
    }
}

/// Prints the facts of this build.
pub(crate) fn version(args: &VersionArgs) -> Outcome {
    let build = Build::this();
    if args.json {
        show::value(&build)?;
    } else {
        show::text(&build.text());
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_knows_its_compiler_target_and_profile() {
        let build = Build::this();
        assert!(build.rustc.starts_with("rustc 1."), "{build:?}");
        assert!(build.target.contains("linux"), "{build:?}");
        assert!(!build.profile.is_empty() && build.features.is_empty(), "{build:?}");
    }

    #[test]
    fn a_build_without_a_commit_says_so() {
        let build = Build { commit: None, dirty: false, ..Build::this() };
        assert!(build.text().contains("\nCommit: not recorded\n"), "{}", build.text());
        let build = Build { commit: Some("abc"), dirty: true, ..build };
        assert!(build.text().contains("\nCommit: abc, with changes\n"), "{}", build.text());
    }
}
