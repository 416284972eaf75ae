//! The admin socket, and the users that are operators on it.
//!
//! Guaranteed: at no instant can a user connect that is not allowed to. The socket is created in a
//! directory that only Teal's user can enter, gets its owner and mode there (0600, or 0660 with a
//! group), and is then renamed to its path.

use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

/// The maximum length of a socket path, in bytes (a limit of the kernel).
const PATH_MAX: usize = 107;

/// The users that are operators on the socket.
#[derive(Clone, Debug)]
pub(crate) struct Membership {
    pub(crate) path: PathBuf,
    pub(crate) uid: u32,
    pub(crate) gid: Option<u32>,
}

/// Creates the admin socket at this path, replacing one that a dead Teal left behind.
///
/// The caller holds the lock of the state directory, so no running Teal has a socket there.
/// With a group, its members may connect. If the group cannot be set, the socket is as without a group, and
/// the reason is returned with it. Must be called inside a tokio runtime.
pub fn bind_socket(
    path: &Path,
    group: Option<u32>,
) -> io::Result<(UnixListener, Result<(), io::Error>)> {
    let parent = path.parent().unwrap_or(Path::new("/"));
    let nest = parent.join(".s");
    let egg = nest.join("s");
    let longest = path.as_os_str().as_bytes().len().max(egg.as_os_str().as_bytes().len());
    if longest > PATH_MAX {
        let message = format!(
            "{} is too long for a socket path: {longest} bytes, at most {PATH_MAX}; \
             choose a shorter directory",
            path.display()
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    sweep(&nest)?;
    DirBuilder::new().mode(0o700).create(&nest)?;
    let listener = UnixListener::bind(&egg)?;
    let given = claim_socket(&egg, group)?;
    std::fs::rename(&egg, path)?;
    sweep(&nest)?;
    Ok((listener, given))
}

/// Sets the group and mode of an admin socket, perhaps one that another Teal has bound. If the group cannot
/// be set, only its owner may connect, and the inner error says why.
pub fn claim_socket(path: &Path, group: Option<u32>) -> io::Result<Result<(), io::Error>> {
    let given = match chown(path, None, group) {
        Err(error) if group.is_some() && error.kind() != io::ErrorKind::NotFound => Err(error),
        done => Ok(done?),
    };
    let group = group.filter(|_| given.is_ok());
    std::fs::set_permissions(path, Permissions::from_mode(mode(group)))?;
    Ok(given)
}

fn mode(group: Option<u32>) -> u32 {
    if group.is_some() { 0o660 } else { 0o600 }
}

fn sweep(nest: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(nest) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

// === impl Membership ===

impl Membership {
    /// Returns true if a connected peer with this user id is an operator.
    ///
    /// Members of the socket group are recognized by having connected at all: connecting needs write
    /// permission on the socket, so the kernel has checked all groups of the peer, even those that no
    /// file lists. This holds as long as the socket has our mode and group; if it was opened further, a
    /// connection proves nothing.
    pub(crate) fn has(&self, uid: u32) -> bool {
        uid == 0 || uid == self.uid || self.gid.is_some_and(|gid| self.kernel_checked(gid))
    }

    fn kernel_checked(&self, gid: u32) -> bool {
        std::fs::metadata(&self.path)
            .is_ok_and(|found| found.mode() & 0o777 == mode(Some(gid)) && found.gid() == gid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_socket_is_for_its_owner_or_with_a_group_for_its_members() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("admin.sock");
        let mode = || std::fs::metadata(&path).expect("the socket").mode() & 0o777;
        let (first, _) = bind_socket(&path, None).expect("bound");
        assert_eq!(mode(), 0o600);
        drop(first); // as after kill -9: the name stays
        let own = std::fs::metadata(dir.path()).expect("the directory").gid();
        let (_second, given) = bind_socket(&path, Some(own)).expect("bound over the old one");
        assert!(given.is_ok());
        assert_eq!(mode(), 0o660);
        assert!(!dir.path().join(".s").exists(), "nothing else is left");
    }

    #[tokio::test]
    async fn members_of_the_group_are_operators_only_while_the_socket_is_closed_to_others() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("admin.sock");
        let gid = std::fs::metadata(dir.path()).expect("the directory").gid();
        let _listener = bind_socket(&path, Some(gid)).expect("bound").0;
        let with = |gid| Membership { path: path.clone(), uid: 4242, gid };
        assert!(with(None).has(4242) && with(None).has(0));
        assert!(!with(None).has(777));
        assert!(with(Some(gid)).has(777));
        assert!(!with(Some(gid + 1)).has(777), "the socket belongs to another group");
        std::fs::set_permissions(&path, Permissions::from_mode(0o666)).expect("opened");
        assert!(!with(Some(gid)).has(777));
        assert!(with(Some(gid)).has(4242));
    }

    #[tokio::test]
    async fn a_path_too_long_for_a_socket_is_refused_in_words() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("x".repeat(120)).join("admin.sock");
        let error = bind_socket(&path, None).expect_err("too long");
        assert!(error.to_string().contains("too long for a socket"), "{error}");
    }
}
