//! The chain of Teals that report their remaining leases: each leaving Teal is one more worker of the newer
//! one that replaced it, and so on up to the serving one. A broken chain is repaired.

use std::io;
use std::mem;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use crate::child::Child;
use crate::supervisor::Supervisor;
use crate::wire::Message;

impl Supervisor {
    /// Ends the trials of the newer Teals that this one would take over from again.
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

    /// Connects each leaving Teal whose newer one has died to this one, which is about to serve: until it
    /// has left, its leases are counted here. Returns their process ids, and the other ends of their sockets.
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

    /// Connects each leaving Teal whose newer one has ended to the next newer one that is alive. If none
    /// serves, that is the one that is started next.
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
            // Ignored: it has ended, and the leaving one then has no newer one again.
            let _ = host.send(&inherit, &[way.as_fd()]);
        }
        for (pid, _) in &gone {
            let (was, next) = self.next_newer(&gone, *pid);
            if let Some(host) = next.and_then(|next| self.child(next)) {
                host.say(&Message::new("gone").number("pid", was));
            }
        }
    }

    /// The last in the run of ended ones that begins here, and the next newer one that is alive.
    fn next_newer(&self, gone: &[(u32, Option<u32>)], pid: u32) -> (u32, Option<u32>) {
        let mut was = pid;
        // At most as many steps as there are ended ones.
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
    /// Has this leaving Teal report its leases to another one; returns the other end of their socket.
    fn follow(&mut self, newer: u32) -> io::Result<UnixStream> {
        let (theirs, ours) = UnixStream::pair()?;
        self.send(&Message::new("follow"), &[theirs.as_fd()])?;
        self.newer = Some(newer);
        Ok(ours)
    }
}
