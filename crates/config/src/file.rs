//! Loads a configuration from a path, and runs the steps in order.
//!
//! A file with broken syntax yields its syntax errors alone, since its meaning beyond
//! them would be a guess. Otherwise everything with the right shape is checked even if
//! something else has the wrong one, so that one run shows all problems.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use serde::Deserialize;
use toml::de::{DeTable, Deserializer};

use crate::check::{self, Context};
use crate::config::{Config, Environment};
use crate::position::KeyPositions;
use crate::problem::{ProblemList, Problems};
use crate::raw::Document;
use crate::{schema, walk};

/// The largest file, in bytes; a larger one is a mistake, not a configuration.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Reads and checks a configuration file.
pub fn load(path: &Path, environment: &Environment) -> Result<Config, Problems> {
    load_with_places(path, environment).map(|(config, _)| config)
}

/// Reads and checks a configuration file; also returns the positions of its keys.
pub fn load_with_places(
    path: &Path,
    environment: &Environment,
) -> Result<(Config, KeyPositions), Problems> {
    let text = read(path).map_err(|message| Problems::of_file(path, message))?;
    let config = parse(&text, path, environment)?;
    Ok((config, KeyPositions::of_file(path, text)))
}

/// Checks the text of a configuration file that is, or will be, at `path`.
pub fn parse(text: &str, path: &Path, environment: &Environment) -> Result<Config, Problems> {
    let mut found = ProblemList::default();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let config = document(text, &mut found).and_then(|document| {
        let context = Context { path, environment };
        check::config(&document, &context, &mut found)
    });
    found.verdict(config, Some(path), text)
}

fn read(path: &Path) -> Result<String, String> {
    let explain = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => {
            "does not exist; check the path given to --config, or run `teal run` without it"
                .to_owned()
        }
        io::ErrorKind::PermissionDenied => {
            "cannot be read: permission denied; give Teal's user read access".to_owned()
        }
        io::ErrorKind::IsADirectory => "is a directory; name the file in it".to_owned(),
        _ => format!("cannot be read: {error}"),
    };
    // Checked before it is opened: opening a named pipe would block until it has a writer.
    let kind = fs::metadata(path).map_err(explain)?.file_type();
    if !(kind.is_file() || kind.is_dir() || kind.is_fifo() && is_own_descriptor(path)) {
        let what = if kind.is_fifo() {
            "a named pipe"
        } else if kind.is_socket() {
            "a socket"
        } else {
            "a device"
        };
        return Err(format!("is {what}, not a file; copy the configuration to a file"));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(explain)?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(explain)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err("is larger than 4 MiB; is it a configuration?".to_owned());
    }
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        format!("is not UTF-8 from byte {offset} on; save it as UTF-8")
    })
}

/// Returns true if the path is one of this process's open descriptors, as in `--config /dev/stdin` and
/// `--config <(command)`: a pipe there already has a writer.
fn is_own_descriptor(path: &Path) -> bool {
    path == Path::new("/dev/stdin")
        || ["/dev/fd", "/proc/self/fd"].iter().any(|own| path.starts_with(own))
}

/// Returns the parts of the file with the right shape; `None` if the syntax is broken.
fn document(text: &str, found: &mut ProblemList) -> Option<Document> {
    let (mut table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        for error in errors {
            let offset = error.span().map_or(0, |span| span.start);
            found.at(offset, walk::syntax(error.message()));
        }
        return None;
    }
    walk::keep_well_formed(&mut table, schema::root(), found);
    match Document::deserialize(Deserializer::from(table)) {
        Ok(document) => Some(document),
        Err(error) => {
            // `walk` let something through that serde refuses. A test over every key of the
            // schema shows that this does not happen; if it does, it is reported here.
            found.at(error.span().map_or(0, |span| span.start), error.message());
            None
        }
    }
}
