//! Permissions of files that others on this machine must not read or write: the state directory and its
//! contents, and the directory of the admin socket.
//!
//! Files that Teal created are made private again, with a warning; those that a person created only get a
//! warning. Nothing is refused: an unattended start must not fail because of a mode.

use std::collections::BTreeMap;
use std::fs::{Metadata, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use config::{Config, SecretSource};
use rules::Color;

/// The sticky bit: only the owner of a file may remove it from the directory.
const STICKY: u32 = 0o1000;

/// Files that only Teal writes.
const OURS: [&str; 5] = ["journal", "head", "lock", "admin.token", "preview.key"];

/// Checks the state directory and Teal's files in it.
pub(in crate::run) fn check_directory(path: &Path) {
    close(path);
    for name in OURS {
        keep(&path.join(name));
    }
}

/// Checks the directory of the admin socket. One with the sticky bit, such as `/tmp`, is left open.
pub(in crate::run) fn check_socket_directory(path: &Path) {
    if std::fs::metadata(path).is_ok_and(|found| found.mode() & STICKY == 0) {
        close(path);
    }
}

/// Closes a directory to other writers, who could replace our journal or socket.
fn close(path: &Path) {
    let Ok(found) = std::fs::metadata(path) else { return };
    if found.mode() & 0o022 != 0 {
        tighten(path, &found, found.mode() & 0o7755, "others may write to it");
    }
}

/// Keeps a file with a secret or a decision private to its owner.
pub(in crate::run) fn keep(path: &Path) {
    let Ok(found) = std::fs::symlink_metadata(path) else { return };
    if found.is_file() && found.mode() & 0o077 != 0 {
        tighten(path, &found, found.mode() & 0o700, "others have access to it");
    }
}

/// Returns the private keys and secrets of a configuration that others on this machine may read: the name of each in the
/// file, and a warning. Keys are not changed, since a person created them.
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
    for (at, endpoint) in config.notify.iter().enumerate() {
        if let Some(SecretSource::File(file)) = &endpoint.secret {
            keys.entry(file).or_insert_with(|| format!("notify[{at}].secret_file"));
        }
    }
    for (at, service) in config.services.iter().enumerate() {
        for (color, spec) in [Color::Blue, Color::Green].iter().zip(&service.colors) {
            if let Some((_, key)) = spec.tls().and_then(|tls| tls.identity.as_ref()) {
                keys.entry(key).or_insert_with(|| format!("service[{at}].{color}.tls.key"));
            }
        }
    }
    let exposed = |(path, key): (&Path, String)| {
        let mode = std::fs::metadata(path).ok()?.mode() & 0o7777;
        let shown = path.display();
        let what = if key.ends_with("secret_file") { "secret" } else { "private key" };
        let text = format!(
            "{shown} has mode {mode:04o}: others may use the {what}; write: chmod o= {shown}"
        );
        (mode & 0o007 != 0).then_some((key, text))
    };
    keys.into_iter().filter_map(exposed).collect()
}

/// Returns the warnings that a start would give about access of others to the state directory and the
/// directory of the admin socket. Nothing is changed.
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
    fn r38_files_that_others_may_write_or_read_are_made_private() {
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
        assert_eq!(mode(dir.path()), 0o755, "listing is harmless");
        assert_eq!(mode(&token), 0o600);
        set(dir.path(), 0o750);
        check_directory(dir.path());
        assert_eq!(mode(dir.path()), 0o750, "a mode that is private enough stays");
    }
}
