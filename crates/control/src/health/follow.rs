//! Which addresses traffic uses of those that a target's name has.
//!
//! An address that traffic does not use yet is probed by itself, and used once `rise` probes in a
//! row have passed there. An address that the name no longer has counts only while the target is up
//! there, and until a connection is refused. One at which nobody answers, or somebody else, has to be
//! proven again: whoever gets the address of a container that is gone must not get its requests.

use std::net::SocketAddr;

use rules::{Health, Probe, Standing, TargetHealth, Verdict};

use super::probe::Fault;
use crate::resolve::Listing;
use crate::swap::{Candidate, TargetSeat};

/// The most addresses of one name that are probed beside those in use.
const CANDIDATES: usize = 16;

/// What is to be probed of a target in one round.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Round {
    /// The addresses that traffic uses, in its order. Empty: it uses none.
    pub(super) used: Vec<SocketAddr>,
    /// The others that the name has, to be proven one by one.
    pub(super) candidates: Vec<SocketAddr>,
}

impl TargetSeat {
    /// Takes over what the name has resolved to, and says what is to be probed.
    pub(super) fn follow(&mut self, listing: &Listing) -> Round {
        match listing {
            Listing::Found(found) => self.listed.clone_from(found),
            Listing::Gone | Listing::Own(_) => self.listed.clear(),
            // Silence says nothing: what the name had last still counts.
            Listing::Unanswered(_) => {}
        }
        let (used, listed) = (&mut self.addresses, &self.listed);
        if matches!(listing, Listing::Own(_)) {
            used.clear();
        }
        if used.iter().any(|address| listed.contains(address)) {
            used.retain(|address| listed.contains(address));
        } else if self.refused {
            used.clear(); // the name is not there any more, and neither is the target
        }
        self.candidates.retain(|Candidate { address, .. }| {
            listed.contains(address) && !used.contains(address)
        });
        for address in listed.iter().filter(|address| !used.contains(address)) {
            let known = self.candidates.iter().any(|other| other.address == *address);
            if !known && self.candidates.len() < CANDIDATES {
                let health = TargetHealth::default();
                self.candidates.push(Candidate { address: *address, health });
            }
        }
        let candidates = self.candidates.iter().map(|candidate| candidate.address).collect();
        Round { used: used.clone(), candidates }
    }

    /// Takes over what a probe of the addresses in use has found, after it was counted.
    pub(super) fn judge(&mut self, fault: Option<Fault>, settings: &Health, spare: bool) {
        self.absent = matches!(fault, Some(Fault::Absent | Fault::Refused));
        let Some(fault) = fault else {
            (self.suspect, self.refused) = (false, false);
            if self.url.is_each_address() && self.health.is_healthy(settings) {
                self.admit();
            }
            return;
        };
        if self.url.is_each_address() {
            self.suspect = true;
            self.refused |= fault == Fault::Refused;
            if self.is_withdrawn_for(fault, spare) {
                self.withdraw();
            }
            return;
        }
        let listed = self.addresses.iter().any(|address| self.listed.contains(address));
        let down = self.health.standing() == Standing::Down;
        let withdrawn = match fault {
            Fault::Stranger => true,
            // One failure beside "no such name" proves nothing, unless nobody listens there.
            _ if !listed => down || fault == Fault::Refused,
            // Whoever comes to this address next may be another. This machine itself is not.
            Fault::Absent | Fault::Refused => down && !self.is_fixed(),
            Fault::Answer => false,
        };
        if withdrawn {
            self.addresses.clear();
        }
    }

    /// Whether an address of a name may be another's by now, after a failed probe. `spare`: another
    /// address of the name is proven.
    fn is_withdrawn_for(&self, fault: Fault, spare: bool) -> bool {
        match fault {
            Fault::Stranger => true,
            // Of this machine there is nobody else to take it, but for the other family of it.
            Fault::Absent | Fault::Refused => self.is_down() && (spare || !self.is_fixed()),
            Fault::Answer => false,
        }
    }

    /// Counts what a probe of one candidate has found.
    pub(super) fn count(&mut self, address: SocketAddr, probe: Probe, settings: &Health) {
        let candidate = self.candidates.iter_mut().find(|other| other.address == address);
        if let Some(candidate) = candidate {
            candidate.health.record(probe, settings);
        }
    }

    /// Puts those candidates in use that are proven. If none of the addresses in use is the name's
    /// any more, the evidence of the new ones is the target's (L9).
    // lossless: L9
    pub(super) fn promote(&mut self, settings: &Health) {
        let proven = |candidate: &&Candidate| candidate.health.is_healthy(settings);
        let Some(first) = self.candidates.iter().find(proven) else { return };
        let listed = &self.listed;
        self.addresses.retain(|address| listed.contains(address));
        if self.addresses.is_empty() {
            self.health = first.health.clone();
            (self.suspect, self.refused) = (false, false);
        }
        self.addresses.extend(self.candidates.iter().filter(proven).map(|proven| proven.address));
        self.addresses.sort_unstable();
        let used = &self.addresses;
        self.candidates.retain(|candidate| !used.contains(&candidate.address));
    }

    /// Whether an address that is not used yet has begun to pass, so that the next probes of it should follow at once.
    pub(super) fn is_proving(&self) -> bool {
        let passed = |health: &TargetHealth| {
            health.last().is_some_and(|last| matches!(last.verdict, Verdict::Passed { .. }))
        };
        let unused = self.url.is_each_address() && !self.is_reachable();
        unused && passed(&self.health)
            || self.candidates.iter().any(|candidate| passed(&candidate.health))
    }

    /// Forgets what probes have found, because the way of probing has changed.
    pub(crate) fn forget_health(&mut self) {
        self.health.forget();
        self.candidates.clear();
    }

    /// Whether it is always at the same place: an address, a socket, or this machine.
    fn is_fixed(&self) -> bool {
        let host = self.url.host_and_port().map(|(host, _)| host);
        host.is_none_or(|host| host == "localhost" || host.parse::<std::net::IpAddr>().is_ok())
    }
}
