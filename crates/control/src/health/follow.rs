//! The choice of the addresses that traffic uses, of those that a target's name resolves to.
//!
//! An address that traffic does not use yet is probed separately, and used once `rise` consecutive
//! probes have passed there. An address that the name no longer has stays in use until a connection is
//! refused there, an answer is another service's, or `fall` consecutive probes have failed; if the name has
//! better ones, `swap::name` takes it out sooner. It then has to pass probes again: a new owner of a dead
//! container's address must not get its requests.

use std::net::SocketAddr;

use rules::{Health, Probe, ProbeOutcome, Standing, TargetHealth};

use super::probe::Fault;
use crate::resolve::LookupOutcome;
use crate::swap::{Candidate, TargetSeat};

/// The maximum number of addresses of a name that are probed besides those in use.
const CANDIDATES: usize = 16;

/// The addresses of a target to probe in one round.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Round {
    /// The addresses that traffic uses, in its order; empty: none.
    pub(super) used: Vec<SocketAddr>,
    /// The other addresses of the name, to be probed one by one.
    pub(super) candidates: Vec<SocketAddr>,
}

impl TargetSeat {
    /// Applies the result of a lookup, and returns the addresses to probe.
    pub(super) fn follow(&mut self, lookup: &LookupOutcome) -> Round {
        match lookup {
            LookupOutcome::Found(found) => self.listed.clone_from(found),
            LookupOutcome::Gone | LookupOutcome::Own(_) => self.listed.clear(),
            // No answer proves nothing: the last addresses still count.
            LookupOutcome::Unanswered(_) => {}
        }
        let (used, listed) = (&mut self.addresses, &self.listed);
        if matches!(lookup, LookupOutcome::Own(_)) {
            used.clear();
        }
        if used.iter().any(|address| listed.contains(address)) {
            used.retain(|address| listed.contains(address));
        } else if self.refused {
            used.clear(); // the name is gone, and so is the target
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

    /// Applies the result of a probe of the addresses in use, after it was counted.
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
            // One failure besides "no such name" proves nothing, unless nothing listens there.
            _ if !listed => down || fault == Fault::Refused,
            // The next owner of this address may be another service. This machine itself stays the same.
            Fault::Absent | Fault::Refused => down && !self.is_fixed(),
            Fault::BadResponse => false,
        };
        if withdrawn {
            self.addresses.clear();
        }
    }

    /// Returns true if an address of a name may now belong to another service, after a failed probe.
    /// `spare`: another address of the name has passed probes.
    fn is_withdrawn_for(&self, fault: Fault, spare: bool) -> bool {
        match fault {
            Fault::Stranger => true,
            // On this machine no other service takes it, except over the other address family.
            Fault::Absent | Fault::Refused => self.is_down() && (spare || !self.is_fixed()),
            Fault::BadResponse => false,
        }
    }

    /// Counts the result of a probe of one candidate.
    pub(super) fn count(&mut self, address: SocketAddr, probe: Probe, settings: &Health) {
        let candidate = self.candidates.iter_mut().find(|other| other.address == address);
        if let Some(candidate) = candidate {
            candidate.health.record(probe, settings);
        }
    }

    /// Puts candidates that have passed probes in use. If the name no longer has any of the addresses in
    /// use, the evidence of the new ones becomes the target's (L9).
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

    /// Returns true if an address not used yet has begun to pass, so that its next probes should follow at once.
    pub(super) fn is_proving(&self) -> bool {
        let passed = |health: &TargetHealth| {
            health.last().is_some_and(|last| matches!(last.outcome, ProbeOutcome::Passed { .. }))
        };
        let unused = self.url.is_each_address() && !self.is_reachable();
        unused && passed(&self.health)
            || self.candidates.iter().any(|candidate| passed(&candidate.health))
    }

    /// Forgets the results of probes, because the settings of probes, or the environment, have changed.
    pub(crate) fn forget_health(&mut self) {
        self.health.forget();
        self.candidates.clear();
    }

    /// Returns true if its address never changes owner: an address, a socket, or this machine.
    fn is_fixed(&self) -> bool {
        let host = self.url.host_and_port().map(|(host, _)| host);
        host.is_none_or(|host| host == "localhost" || host.parse::<std::net::IpAddr>().is_ok())
    }
}
