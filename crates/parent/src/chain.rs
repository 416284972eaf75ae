//! Who tells whom what it still has: each that leaves is one worker more of the newer one that has its
//! place, and so on up to the one that serves. A chain that breaks is closed again.

use std::io;
use std::mem;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use crate::child::Child;
use crate::family::Family;
use crate::wire::Message;

impl Family {
    /// From here on nobody takes over from those that this one has watched.
    pub(crate) fn adopt(&mut self, older: u32) {
        let mut newer = None;
        for child in self.children.iter_mut().filter(|child| child.watched_by == Some(older)) {
            child.watched_by = None;
            newer = Some(child.pid);
            self.program = child.program.clone();
            if let Some(kept) = child.kept.take() {
                self.kept = kept;
            }
        }
        if let Some(older) = self.child(older) {
            older.newer = newer.or(older.newer);
        }
    }

    /// Gives each that leaves and whose newer one has died a way to this one, which is about to serve:
    /// until it has left, what it still has is counted there. Their process ids, and the other ends.
    // lossless: L4
    pub(crate) fn pair_with_leaving(&mut self, newer: u32) -> (Vec<String>, Vec<UnixStream>) {
        let living: Vec<u32> = self.children.iter().map(|child| child.pid).collect();
        let lives = |pid: u32| living.contains(&pid);
        let alone = |child: &&mut Child| child.leaving && !child.newer.is_some_and(lives);
        let pair = |child: &mut Child| {
            let ours = child.follow(newer).ok()?;
            Some((child.pid.to_string(), ours))
        };
        self.children.iter_mut().filter(alone).filter_map(pair).unzip()
    }

    /// Gives each that leaves, and whose newer one has ended, a way to the next newer one that lives. If
    /// nobody serves, the one that is started then is that one.
    // lossless: L4
    pub(crate) fn reunite(&mut self) {
        let gone = mem::take(&mut self.gone);
        let orphans = self.children.iter().filter(|child| child.leaving);
        let orphans = orphans.filter_map(|child| Some((child.pid, child.newer?)));
        let orphans: Vec<_> = orphans.filter(|(_, newer)| has_ended(&gone, *newer)).collect();
        for (orphan, newer) in orphans {
            let (was, next) = self.next_newer(&gone, newer);
            let Some(next) = next.filter(|next| *next != orphan) else { continue };
            let way = self.child(orphan).map(|orphan| orphan.follow(next));
            let (Some(Ok(way)), Some(host)) = (way, self.child(next)) else { continue };
            let inherit = Message::new("inherit").number("pid", orphan).number("was", was);
            // Ignored: it has ended, and whoever leaves is alone again then.
            let _ = host.send(&inherit, &[way.as_fd()]);
        }
        for (pid, _) in &gone {
            let (was, next) = self.next_newer(&gone, *pid);
            if let Some(host) = next.and_then(|next| self.child(next)) {
                host.say(&Message::new("gone").number("pid", was));
            }
        }
    }

    /// The last of those that have ended from this one on, and the next newer one, which lives.
    fn next_newer(&self, gone: &[(u32, Option<u32>)], pid: u32) -> (u32, Option<u32>) {
        let mut was = pid;
        // At most as many steps as have ended.
        for _ in gone {
            let known = gone.iter().find(|(pid, _)| *pid == was).and_then(|(_, newer)| *newer);
            match known {
                Some(newer) if has_ended(gone, newer) => was = newer,
                Some(newer) if self.children.iter().any(|child| child.pid == newer) => {
                    return (was, Some(newer));
                }
                _ => break,
            }
        }
        (was, self.current().map(|child| child.pid))
    }

    fn child(&mut self, pid: u32) -> Option<&mut Child> {
        self.children.iter_mut().find(|child| child.pid == pid)
    }
}

fn has_ended(gone: &[(u32, Option<u32>)], pid: u32) -> bool {
    gone.iter().any(|(known, _)| *known == pid)
}

impl Child {
    /// Has this one, which leaves, tell another one what it still has: the other end of their way.
    fn follow(&mut self, newer: u32) -> io::Result<UnixStream> {
        let (theirs, ours) = UnixStream::pair()?;
        self.send(&Message::new("follow"), &[theirs.as_fd()])?;
        self.newer = Some(newer);
        Ok(ours)
    }
}
