//! The key of preview tokens: random bytes in the state directory, made when a service first has tokens, and the same
//! after a restart and an upgrade.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use config::Config;
use preview::{PreviewKey, PreviewKeyCell};

use super::state::{is_unwritable, private};

/// The name of its file in the state directory.
pub(super) const FILE: &str = "preview.key";

/// Puts the key into its place, if a service of the configuration has tokens.
///
/// # Errors
/// The file that can't be used, and why. A state directory that is not writable is reported and no error: tokens are
/// refused until a reload finds it writable.
pub(super) fn put(config: &Config, place: &PreviewKeyCell) -> Result<(), String> {
    let mut previews = config.services.iter().filter_map(|service| service.policy.preview);
    if place.get().is_some() || !previews.any(|preview| preview.token) {
        return Ok(());
    }
    let path = config.state_dir.join(FILE);
    let cannot = |what: &str, error: &io::Error| {
        let path = path.display();
        format!(
            "cannot {what} the key of preview tokens {path}: {error}; make it accessible for the user that Teal runs as, \
             or remove it to get a new one, which makes all tokens void"
        )
    };
    let key = match read(&path) {
        Ok(key) => {
            private::keep(&path);
            key
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => match make(&path) {
            Ok(key) => {
                tracing::info!("created the key of preview tokens in {}", path.display());
                key
            }
            Err(error) if is_unwritable(&error) => {
                let path = path.display();
                tracing::error!(
                    "cannot write the key of preview tokens {path}: {error}; there are no preview tokens until the state \
                     directory is writable and Teal is reloaded"
                );
                return Ok(());
            }
            Err(error) => return Err(cannot("write", &error)),
        },
        Err(error) => return Err(cannot("read", &error)),
    };
    place.put(PreviewKey::new(&key));
    Ok(())
}

fn read(path: &Path) -> io::Result<[u8; PreviewKey::BYTES]> {
    let mut bytes = Vec::new();
    File::open(path)?.take(PreviewKey::BYTES as u64 + 1).read_to_end(&mut bytes)?;
    let whole = || io::Error::new(io::ErrorKind::InvalidData, "it does not have 32 bytes");
    bytes.try_into().map_err(|_| whole())
}

/// Writes a new key beside its path and renames it, so that a crash leaves a whole key or none.
fn make(path: &Path) -> io::Result<[u8; PreviewKey::BYTES]> {
    let mut key = [0; PreviewKey::BYTES];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    let beside = path.with_extension("key.new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&beside)?;
    file.write_all(&key)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rules::{Color, Generation, ServiceName};
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Arc;

    fn config(state_dir: &Path, token: bool) -> Config {
        let state_dir = Some(state_dir.to_owned());
        let flags = config::Flags { state_dir, ..config::Flags::default() };
        let config = config::from_flags(&flags, &config::Environment::default());
        let mut config = config.expect("the defaults are good");
        let listen = Some(([127, 0, 0, 1], 1).into());
        let policy = Arc::make_mut(&mut config.services[0].policy);
        policy.preview = Some(rules::Preview { listen, token });
        config
    }

    /// Returns a token that is signed with the key of this directory.
    fn signed(state_dir: &Path) -> String {
        let place = PreviewKeyCell::default();
        put(&config(state_dir, true), &place).expect("a key");
        let claims = preview::Claims {
            generation: Generation(1),
            color: Color::Green,
            expires: 1,
            serial: 0,
        };
        let service = ServiceName::new("web").expect("a name");
        place.get().expect("a key").sign(&service, &claims)
    }

    #[test]
    fn the_key_is_made_once_for_a_directory_and_is_private() {
        let (one, other) = (tempfile::tempdir(), tempfile::tempdir());
        let tokens = [one, other].map(|dir| {
            let dir = dir.expect("a directory");
            let none = PreviewKeyCell::default();
            put(&config(dir.path(), false), &none).expect("nothing to do");
            assert!(none.get().is_none() && !dir.path().join(FILE).exists());
            let first = signed(dir.path());
            assert_eq!(first, signed(dir.path()), "the next start finds it");
            let found = std::fs::metadata(dir.path().join(FILE)).expect("it is stored");
            assert_eq!((found.len(), found.permissions().mode() & 0o777), (32, 0o600));
            first
        });
        assert_ne!(tokens[0], tokens[1]);
    }

    #[test]
    fn a_key_of_another_length_is_refused_and_not_replaced() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join(FILE);
        for length in [0, 31, 33] {
            std::fs::write(&path, vec![7; length]).expect("written");
            let refused = put(&config(dir.path(), true), &PreviewKeyCell::default());
            assert!(refused.expect_err("refused").contains("does not have 32 bytes"));
            assert_eq!(std::fs::read(&path).expect("still there").len(), length);
        }
    }
}
