//! The developers' own tools: `cargo xtask tidy`, `cargo xtask generate [--check]`, `cargo xtask guards [NAME…]` and
//! `cargo xtask packages [--arch ARCH]`.
//!
//! `tidy` checks the tree against the rules that no compiler knows; `generate` writes the
//! reference documents from the code that they describe; `guards` removes guards from a copy
//! of the tree and checks that tests fail; `packages` builds Teal and makes what is released. None changes code, and no
//! shipped crate depends on them.

#![forbid(unsafe_code)]

mod generate;
mod guards;
mod packages;
mod tidy;
mod tree;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask tidy               rules of the tree that no compiler knows
       cargo xtask generate           write docs/reference from the code
       cargo xtask generate --check   fail if docs/reference is not what the code says
       cargo xtask guards [NAME...]   take out each guard in guards/, or those named so: a test must fail
       cargo xtask packages           build Teal, and make its packages in target/packages
       cargo xtask packages --arch arm64   the same for another architecture";

#[expect(clippy::print_stderr, reason = "a command-line tool speaks to its terminal")]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        ["tidy"] => tidy::run(&root()),
        ["generate"] => generate::write(&root()),
        ["generate", "--check"] => generate::check(&root()),
        ["guards", ref names @ ..] => guards::run(&root(), names),
        ["packages"] => packages::run(&root(), None),
        ["packages", "--arch", name] => packages::run(&root(), Some(name)),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the repository that this tool was built in.
fn root() -> PathBuf {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    crates.and_then(Path::parent).map_or_else(|| PathBuf::from("."), Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_tidy() {
        if let Err(error) = tidy::run(&root()) {
            panic!("{error:#}");
        }
    }
}
