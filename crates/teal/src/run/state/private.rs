//! What others on this machine must not read or write: the state directory and what is in it, and the directory
//! of the admin socket.
//!
//! What Teal has made itself it makes private again, and says so; what a person has made is left
//! as it is, and said. Nothing is refused: a start in the night must not fail for a mode.

use std::collections::BTreeMap;
use std::fs::{Metadata, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use config::Config;
use rules::Color;

/// The bit of a directory's mode by which only the owner of a file removes it.
const STICKY: u32 = 0o1000;

/// Files that only Teal writes.
const OURS: [&str; 4] = ["journal", "head", "lock", "admin.token"];

/// Looks at the state directory and at what Teal keeps there.
pub(in crate::run) fn check_directory(path: &Path) {
    close(path);
    for name in OURS {
        keep(&path.join(name));
    }
}

/// Looks at the directory of the admin socket. Where only owners may remove what is there, as in `/tmp`, it is
/// nobody's to close.
pub(in crate::run) fn check_socket_directory(path: &Path) {
    if std::fs::metadata(path).is_ok_and(|found| found.mode() & STICKY == 0) {
        close(path);
    }
}

/// Whoever may write there can put another journal or socket in the place of ours.
fn close(path: &Path) {
    let Ok(found) = std::fs::metadata(path) else { return };
    if found.mode() & 0o022 != 0 {
        tighten(path, &found, found.mode() & 0o7755, "others may write to it");
    }
}

/// Keeps a file that holds a secret or a decision for its owner alone.
pub(in crate::run) fn keep(path: &Path) {
    let Ok(found) = std::fs::symlink_metadata(path) else { return };
    if found.is_file() && found.mode() & 0o077 != 0 {
        tighten(path, &found, found.mode() & 0o700, "others have access to it");
    }
}

/// The private keys that a configuration names and that others on this machine may read: where each is
/// named, and a text. A key is a person's: it is told, and left as it is.
pub(in crate::run) fn exposed_keys(config: &Config) -> Vec<(String, String)> {
    let mut keys: BTreeMap<&Path, String> = BTreeMap::new();
    for (at, pair) in config.certificates.iter().enumerate() {
        keys.entry(&pair.key).or_insert_with(|| format!("certificate[{at}].key"));
    }
    if let Some(pair) = &config.admin.tls {
        keys.entry(&pair.key).or_insert_with(|| "admin.tls.key".to_owned());
    }
    if let Some(eab) = config.acme.as_ref().and_then(|acme| acme.eab.as_ref()) {
        keys.entry(&eab.hmac_key_file).or_insert_with(|| "acme.eab.hmac_key_file".to_owned());
    }
    for (at, service) in config.services.iter().enumerate() {
        for (color, spec) in [Color::Blue, Color::Green].iter().zip(&service.colors) {
            let identities =
                spec.targets.iter().filter_map(|target| target.tls()?.identity.as_ref());
            for (_, key) in identities {
                keys.entry(key).or_insert_with(|| format!("service[{at}].{color}.tls.key"));
            }
        }
    }
    let exposed = |(path, key): (&Path, String)| {
        let mode = std::fs::metadata(path).ok()?.mode() & 0o7777;
        let shown = path.display();
        let text = format!(
            "{shown} has mode {mode:04o}: others may use the private key; write: chmod o= {shown}"
        );
        (mode & 0o007 != 0).then_some((key, text))
    };
    keys.into_iter().filter_map(exposed).collect()
}

/// What a start would find of the state directory and of the directory of the admin socket that others may
/// read or write, one text each. Nothing is changed.
pub(in crate::run) fn exposed_state(path: &Path, socket: &Path) -> Vec<String> {
    let ours = OURS.iter().map(|name| (path.join(name), 0o077, "others have access to it"));
    let mut directories = vec![path];
    let is_closed = |path: &Path| std::fs::metadata(path).is_ok_and(|at| at.mode() & STICKY == 0);
    let other = socket.parent().filter(|directory| *directory != path && is_closed(directory));
    directories.extend(other);
    let directories = directories.into_iter();
    let directories = directories.map(|path| (path.to_owned(), 0o022, "others may write to it"));
    let exposed = |(path, bits, why): (PathBuf, u32, &str)| {
        let mode = std::fs::symlink_metadata(&path).ok()?.mode() & 0o7777;
        let (shown, without) = (path.display(), mode & !bits);
        (mode & bits != 0).then(|| {
            format!("{shown} has mode {mode:04o}: {why}; write: chmod {without:o} {shown}")
        })
    };
    directories.chain(ours).filter_map(exposed).collect()
}

fn tighten(path: &Path, found: &Metadata, mode: u32, why: &str) {
    let (shown, was) = (path.display(), found.mode() & 0o7777);
    let uid = rustix::process::geteuid().as_raw();
    if found.uid() == uid && std::fs::set_permissions(path, Permissions::from_mode(mode)).is_ok() {
        tracing::warn!("{shown} had mode {was:04o}: {why}; it has {:04o} now", mode & 0o7777);
        return;
    }
    tracing::warn!("{shown} has mode {was:04o}: {why}; write: chmod {:o} {shown}", mode & 0o7777);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r38_what_others_may_write_or_read_is_made_private() {
        let dir = tempfile::tempdir().expect("a directory");
        let set = |path: &Path, mode| {
            std::fs::set_permissions(path, Permissions::from_mode(mode)).expect("set");
        };
        let mode = |path: &Path| std::fs::metadata(path).expect("there").mode() & 0o7777;
        let token = dir.path().join("admin.token");
        std::fs::write(&token, "secret").expect("written");
        set(&token, 0o644);
        set(dir.path(), 0o777);
        check_directory(dir.path());
        assert_eq!(mode(dir.path()), 0o755, "listing harms nobody");
        assert_eq!(mode(&token), 0o600);
        set(dir.path(), 0o750);
        check_directory(dir.path());
        assert_eq!(mode(dir.path()), 0o750, "what is private enough stays");
    }
}
