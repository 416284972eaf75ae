//! The group whose members are operators on the admin socket: its number, and obstacles to its access.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::MetadataExt;

use config::Config;

use crate::exit::Failure;

/// The id of the group that may use the socket.
///
/// # Errors
/// There is no such group.
pub(in crate::run) fn id(config: &Config) -> Result<Option<u32>, Failure> {
    let Some(group) = &config.admin.socket_group else { return Ok(None) };
    if let Ok(id) = group.parse() {
        return Ok(Some(id));
    }
    match entries().find_map(|(name, id)| (name == *group).then_some(id)) {
        Some(id) => Ok(Some(id)),
        None => Err(Failure::usage(format!(
            "admin.socket_group: there is no group {group:?} in /etc/group; write the name of a \
             local group, or its number (create one with: groupadd --system {group})"
        ))),
    }
}

/// The name of a group of this machine, else its number.
pub(crate) fn name(gid: u32) -> String {
    entries().find_map(|(name, id)| (id == gid).then_some(name)).unwrap_or_else(|| gid.to_string())
}

/// The reason why the socket was not given to the group, and what to do.
pub(in crate::run) fn not_given(config: &Config, gid: u32, error: &io::Error) -> String {
    let (group, socket) = (name(gid), config.admin.socket.display());
    let uid = rustix::process::geteuid().as_raw();
    let why = match error.kind() {
        // chown(2): the number means nothing in Teal's user namespace.
        io::ErrorKind::InvalidInput => {
            "the group does not exist in Teal's user namespace; remove PrivateUsers= from the unit"
                .to_owned()
        }
        _ => format!(
            "Teal's user, uid {uid}, is not a member; write SupplementaryGroups={group} in the unit (or run \
             usermod --append --groups {group} USER) and restart Teal"
        ),
    };
    format!(
        "admin.socket_group: cannot give {socket} to the group {group}: {error}. {why}. Until then only root \
         and Teal's user are operators on it"
    )
}

/// The reason why members of the group cannot reach the socket, and what to do; `None`: they can.
pub(in crate::run) fn unreachable(config: &Config, gid: u32) -> Option<String> {
    let socket = &config.admin.socket;
    let closed = socket.ancestors().skip(1).find(|directory| {
        fs::metadata(directory).is_ok_and(|found| {
            let mode = found.mode();
            mode & 0o001 == 0 && !(found.gid() == gid && mode & 0o010 != 0)
        })
    })?;
    let (group, mode) = (name(gid), fs::metadata(closed).map_or(0, |found| found.mode() & 0o777));
    Some(format!(
        "admin.socket_group: members of {group} cannot reach {}: the directory {} has mode {mode:04o}; write \
         RuntimeDirectory=teal in the unit to get the socket in /run/teal (or let the group into the \
         directory)",
        socket.display(),
        closed.display()
    ))
}

/// The names and numbers of `/etc/group`.
fn entries() -> impl Iterator<Item = (String, u32)> {
    let file = File::open("/etc/group");
    let lines = file.into_iter().flat_map(|file| BufReader::new(file).lines());
    lines.map_while(Result::ok).filter_map(|line| {
        let mut fields = line.split(':');
        Some((fields.next()?.to_owned(), fields.nth(1)?.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    fn config(state_dir: &Path, group: &str) -> Config {
        let flags = config::Flags { state_dir: Some(state_dir.to_owned()), ..Default::default() };
        let mut config = config::from_flags(&flags, &config::Environment::default())
            .expect("the defaults are good");
        config.admin.socket_group = Some(group.to_owned());
        config
    }

    #[test]
    fn r64_a_group_is_known_by_name_or_number() {
        let id = |group: &str| id(&config(Path::new("/nowhere"), group)).map_err(|f| f.message);
        assert_eq!(id("root"), Ok(Some(0)));
        assert_eq!(id("4711"), Ok(Some(4711)));
        assert!(id("nobodys-group").is_err_and(|message| message.contains("groupadd")));
        assert_eq!((name(0), name(4_000_000)), ("root".to_owned(), "4000000".to_owned()));
    }

    #[test]
    fn r64_a_directory_that_the_group_cannot_enter_is_named_with_a_remedy() {
        let directory = tempfile::tempdir().expect("a directory");
        let state_dir = directory.path().join("state");
        fs::create_dir(&state_dir).expect("a directory");
        let enter = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("changed");
        };
        enter(directory.path(), 0o755);
        let config = config(&state_dir, "0");
        let own = fs::metadata(&state_dir).expect("it is there").gid();
        for (mode, group, open) in [
            (0o700, own, false),
            (0o750, own, true),
            (0o750, own + 1, false),
            (0o711, own + 1, true),
        ] {
            enter(&state_dir, mode);
            let closed = unreachable(&config, group);
            assert_eq!(closed.is_none(), open, "{mode:o} {closed:?}");
            assert!(closed.is_none_or(|text| text.contains("RuntimeDirectory=teal")));
        }
    }
}
