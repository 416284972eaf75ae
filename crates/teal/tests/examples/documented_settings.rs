//! Every piece of configuration in the documents is one that `teal check` takes: as it stands there, within a
//! whole file.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use testkit::{Pair, Pki};

use crate::{TEAL, file, guides};

/// A block of TOML, and where it is.
struct Piece {
    place: String,
    text: String,
}

fn pieces() -> Vec<Piece> {
    let pages = guides().into_iter().chain([file("README.md")]);
    pages.flat_map(|page| pieces_of(&page)).collect()
}

fn pieces_of(page: &Path) -> Vec<Piece> {
    let text = fs::read_to_string(page).expect("a page is text");
    let blocks = text.split("```toml\n").skip(1);
    let blocks = blocks.map(|rest| rest.split("```").next().unwrap_or_default().to_owned());
    let place = |text: &str| {
        format!("{}, the block that begins with {:?}", page.display(), text.lines().next())
    };
    blocks.map(|text| Piece { place: place(&text), text }).collect()
}

/// The file that a piece is part of: what it does not say itself is added.
fn whole(piece: &str, directory: &Path, pair: &Pair, ca: &Path) -> String {
    let mut text = format!("state_dir = '{}'\n", directory.display());
    let tables = piece.trim_start().starts_with('[');
    if tables {
        text += piece;
    }
    let has = |part: &str| piece.contains(part);
    if !has("[[listener]]") {
        text += "[[listener]]\naddress = \"127.0.0.1:0\"\n";
    }
    if has("[acme]") {
        text += "[[listener]]\naddress = \"127.0.0.1:0\"\ntls = true\n";
    }
    if has("[[listener]]") && has("tls = true") && !has("[[certificate]]") {
        text += "[[certificate]]\ncert = 'example.pem'\nkey = 'example.key'\n";
    }
    if !has("[[service]]") {
        text += "[[service]]\nname = \"web\"\nhosts = [\"example.com\"]\n";
        if !tables {
            text += piece;
        }
        for (color, port) in [("blue", 1), ("green", 2)] {
            if tables || !piece.lines().any(|line| line.starts_with(color)) {
                let _ = writeln!(text, "{color} = {{ targets = [\"http://127.0.0.1:{port}\"] }}");
            }
        }
    }
    if has("\"api\"") {
        text += "[[service]]\nname = \"api\"\nhosts = [\"api.test\"]\n\
                 blue = { targets = [\"http://127.0.0.1:3\"] }\ngreen = { targets = [\"http://127.0.0.1:4\"] }\n";
    }
    if has("[[service]]") && !has("blue") {
        let colors = "blue = { targets = [\"http://127.0.0.1:1\"] }\n\
                      green = { targets = [\"http://127.0.0.1:2\"] }\n";
        text = text.replacen("[[service]]\n", &format!("[[service]]\n{colors}"), 1);
    }
    let there = text.replace("/var/log/teal/", &format!("{}/", directory.display()));
    with_files(&there, pair, ca)
}

/// The same with files that are there, in the place of those that are named.
fn with_files(text: &str, pair: &Pair, ca: &Path) -> String {
    let mut text = text.to_owned();
    for (key, file) in [("cert", &*pair.cert), ("key", &*pair.key), ("ca", ca)] {
        let mut from = 0;
        while let Some(at) = text[from..].find(&format!("{key} = ")).map(|at| from + at) {
            let start = at + key.len() + 3;
            let quote = &text[start..=start];
            let end = start + 1 + text[start + 1..].find(quote).expect("a value ends");
            text.replace_range(start..=end, &format!("'{}'", file.display()));
            from = start;
        }
    }
    text
}

#[test]
fn every_documented_piece_of_configuration_is_good() {
    let directory = tempfile::tempdir().expect("a directory");
    let pki = Pki::new(directory.path());
    let pair = pki.issue_as_public("example", &["example.com"]);
    let path: PathBuf = directory.path().join("teal.toml");
    let pieces = pieces();
    for Piece { place, text } in &pieces {
        fs::write(&path, whole(text, directory.path(), &pair, &pki.ca())).expect("a file");
        let arguments = ["check", "--config", &*path.display().to_string()].map(ToOwned::to_owned);
        let result = testkit::run(Path::new(TEAL), arguments, &[], Duration::from_secs(10));
        assert_eq!(result.code, Some(0), "{place}: {}", result.all());
    }
    assert!(pieces.len() >= 12, "only {} pieces were found", pieces.len());
}
