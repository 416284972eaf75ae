//! The user that Teal runs as, seen by root: `teal check` as root may read what that user may not.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use config::{Config, SecretSource};
use rules::Color;
use rustix::process::geteuid;

use super::ProblemList;

/// The user of the shipped unit, before its first start.
const SHIPPED: &str = "teal";

/// A user that is not root, and its groups.
#[derive(Debug)]
struct Reader {
    name: String,
    uid: u32,
    gids: Vec<u32>,
}

/// The user that checks, in words.
pub(crate) fn looks_as() -> String {
    match geteuid().as_raw() {
        0 => "root".to_owned(),
        uid => format!("uid {uid}"),
    }
}

/// Warns of files that root can read, but not the user that Teal runs as: the owner of the state
/// directory, else the user `teal`.
pub(super) fn examine(found: &mut ProblemList, config: &Config) {
    if !geteuid().is_root() {
        return;
    }
    let owner = fs::metadata(&config.state_dir).map(|directory| directory.uid());
    let reader = match owner {
        Ok(0) => None,
        Ok(uid) => Reader::find(|_, known| known == uid),
        Err(_) => Reader::find(|name, _| name == SHIPPED),
    };
    let Some(reader) = reader else { return };
    for (path, key) in files(config) {
        // A missing file is reported elsewhere; credentials are made for the user of the unit.
        if path.exists() && !path.starts_with("/run/credentials") && !reader.may_read(path) {
            let (shown, name, uid) = (path.display(), &reader.name, reader.uid);
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            let last = key.rsplit('.').next().unwrap_or(&key);
            found.warn(
                &key,
                format!(
                    "{shown} cannot be read by {name} (uid {uid}), the user that Teal runs as; allow it with: chgrp \
                     {name} {shown} && chmod g+r {shown} (and enter its directories), or write \
                     LoadCredential={file}:{shown} in the unit and {last} = \"credential:{file}\" here"
                ),
            );
        }
    }
}

/// Every file that a configuration names to be read, with its key.
fn files(config: &Config) -> Vec<(&Path, String)> {
    let mut files: Vec<(&Path, String)> = Vec::new();
    for (at, pair) in config.certificates.iter().enumerate() {
        files.push((&pair.cert, format!("certificate[{at}].cert")));
        files.push((&pair.key, format!("certificate[{at}].key")));
    }
    if let Some(pair) = &config.admin.tls {
        files.push((&pair.cert, "admin.tls.cert".to_owned()));
        files.push((&pair.key, "admin.tls.key".to_owned()));
    }
    for (at, listener) in config.listeners.iter().enumerate() {
        let auth = listener.tls.as_ref().and_then(|tls| tls.client_auth.as_ref());
        files.extend(auth.map(|auth| (&*auth.ca, format!("listener[{at}].client_auth.ca"))));
    }
    if let Some(acme) = &config.acme {
        files.extend(acme.ca.as_deref().map(|ca| (ca, "acme.ca".to_owned())));
        let eab = acme.eab.as_ref().map(|eab| &*eab.hmac_key_file);
        files.extend(eab.map(|file| (file, "acme.eab.hmac_key_file".to_owned())));
    }
    for (at, endpoint) in config.notify.iter().enumerate() {
        if let Some(SecretSource::File(file)) = &endpoint.secret {
            files.push((file, format!("notify[{at}].secret_file")));
        }
    }
    for (at, service) in config.services.iter().enumerate() {
        for (color, spec) in [Color::Blue, Color::Green].iter().zip(&service.colors) {
            let Some(tls) = spec.tls() else { continue };
            let table = format!("service[{at}].{color}.tls");
            files.extend(tls.ca.as_deref().map(|ca| (ca, format!("{table}.ca"))));
            if let Some((cert, key)) = &tls.identity {
                files.push((cert, format!("{table}.cert")));
                files.push((key, format!("{table}.key")));
            }
        }
    }
    files
}

// === impl Reader ===

impl Reader {
    /// Finds the first user of this machine, by name and number, that matches.
    fn find(is_meant: impl Fn(&str, u32) -> bool) -> Option<Self> {
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let user = |line: &str| {
            let mut fields = line.split(':');
            let (name, uid) = (fields.next()?.to_owned(), fields.nth(1)?.parse().ok()?);
            Some((name, uid, fields.next()?.parse().ok()?))
        };
        let found = users.lines().filter_map(user).find(|(name, uid, _)| is_meant(name, *uid));
        let (name, uid, gid) = found?;
        let groups = fs::read_to_string("/etc/group").unwrap_or_default();
        let further = groups.lines().filter_map(|line| {
            let mut fields = line.split(':').skip(2);
            let gid = fields.next()?.parse().ok()?;
            fields.next()?.split(',').any(|member| member == name).then_some(gid)
        });
        let gids = std::iter::once(gid).chain(further).collect();
        Some(Self { name, uid, gids })
    }

    /// Returns true if the modes let it read this file, as far as modes show.
    fn may_read(&self, path: &Path) -> bool {
        let Ok(real) = path.canonicalize() else { return true };
        let mut directories = real.ancestors().skip(1);
        self.may(&real, 0o4) && directories.all(|directory| self.may(directory, 0o1))
    }

    fn may(&self, path: &Path, bit: u32) -> bool {
        let Ok(found) = fs::metadata(path) else { return true };
        let shift = if found.uid() == self.uid {
            6
        } else if self.gids.contains(&found.gid()) {
            3
        } else {
            0
        };
        found.mode() & (bit << shift) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn r73_modes_of_files_and_directories_decide_the_readers() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("key");
        fs::write(&file, "secret").expect("written");
        let own = fs::metadata(&file).expect("it is there");
        let (uid, gid) = (own.uid(), own.gid());
        let reader = |uid, gid| Reader { name: "teal".to_owned(), uid, gids: vec![gid] };
        let (owner, member) = (reader(uid, gid + 1), reader(uid + 1, gid));
        let stranger = reader(uid + 1, gid + 1);
        for (enter, mode, may) in [
            (0o755, 0o600, [true, false, false]),
            (0o755, 0o640, [true, true, false]),
            (0o755, 0o044, [false, true, true]),
            (0o750, 0o644, [true, true, false]),
            (0o700, 0o644, [true, false, false]),
        ] {
            fs::set_permissions(&file, Permissions::from_mode(mode)).expect("set");
            fs::set_permissions(directory.path(), Permissions::from_mode(enter)).expect("set");
            let found = [&owner, &member, &stranger].map(|reader| reader.may_read(&file));
            assert_eq!(found, may, "{enter:o} {mode:o}");
        }
        let root = Reader::find(|name, _| name == "root").expect("everybody has it");
        assert_eq!((root.uid, root.gids.first()), (0, Some(&0)));
    }
}
