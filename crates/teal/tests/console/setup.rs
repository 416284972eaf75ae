//! A Teal with a service of two colors, and tokens for two operators and a viewer.

use std::fs;

use sha2::{Digest, Sha256};
use testkit::{Settings, Target, Teal};

/// The program under test.
pub(crate) const TEAL: &str = env!("CARGO_BIN_EXE_teal");

/// A Teal, its two targets, and who may do what.
pub(crate) struct Setup {
    pub(crate) teal: Teal,
    pub(crate) blue: Target,
    pub(crate) green: Target,
}

impl Setup {
    /// Both colors are healthy.
    #[track_caller]
    pub(crate) fn new() -> Self {
        Self::with(|settings| settings)
    }

    /// The same with other settings.
    #[track_caller]
    pub(crate) fn with(change: impl FnOnce(Settings) -> Settings) -> Self {
        Self::with_targets(|settings, _| change(settings))
    }

    #[track_caller]
    fn with_targets(change: impl FnOnce(Settings, [String; 2]) -> Settings) -> Self {
        let (blue, green) = (Target::start("blue"), Target::start("green"));
        let settings = Settings::new(&blue, &green).admin("tokens", &tokens());
        let mut teal = Teal::prepare(TEAL, &change(settings, [blue.url(), green.url()]));
        // The test itself acts as the operator mia, whose token is where it looks for one.
        fs::create_dir_all(teal.state_dir()).expect("a directory");
        fs::write(teal.state_dir().join("admin.token"), secret("mia")).expect("a file");
        teal.start_again();
        teal.wait_healthy("blue", true);
        teal.wait_healthy("green", true);
        Self { teal, blue, green }
    }

    /// The same with this many services, one of them with the longest name. They all have the same targets.
    #[track_caller]
    pub(crate) fn with_services(count: usize) -> Self {
        Self::with_targets(|settings, [blue, green]| {
            let names = (1..count - 1).map(|number| format!("service-{number}"));
            let tables = names.chain([format!("longest-{}", "n".repeat(55))]).map(|name| {
                format!(
                    "[[service]]\nname = \"{name}\"\nhosts = [\"{name}.test\"]\n\
                     blue = {{ targets = [\"{blue}\"] }}\ngreen = {{ targets = [\"{green}\"] }}\n\
                     health = {{ interval = \"30s\" }}\n"
                )
            });
            settings.extra(&tables.collect::<String>())
        })
    }

    /// The color that receives nothing.
    pub(crate) fn idle(&self) -> &'static str {
        if self.teal.active() == "blue" { "green" } else { "blue" }
    }

    /// The token of a viewer.
    pub(crate) fn viewer() -> String {
        secret("eyes")
    }

    /// The token of this name.
    pub(crate) fn token_of(name: &str) -> String {
        secret(name)
    }

    /// Checks at the end that nothing was lost, doubled or misrouted.
    #[track_caller]
    pub(crate) fn finish(self) {
        self.teal.assert_books_balance();
        self.blue.assert_well_formed();
        self.green.assert_well_formed();
    }
}

/// The token of this name: as long as real ones, and never in the repository as a word.
fn secret(name: &str) -> String {
    let mut text = format!("{name}-");
    text.extend(std::iter::repeat_n('k', 43 - text.len()));
    text
}

fn tokens() -> String {
    let one = |(name, role): (&str, &str)| {
        let sha256 = Sha256::digest(secret(name))
            .iter()
            .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        format!("{{ name = \"{name}\", role = \"{role}\", sha256 = \"{sha256}\" }}")
    };
    let tokens = [("mia", "operator"), ("sam", "operator"), ("eyes", "viewer")].map(one);
    format!("[{}]", tokens.join(", "))
}
