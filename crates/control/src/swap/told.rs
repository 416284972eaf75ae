//! A service of the roster together with what workers were told of it, so that with thousands of services a
//! table costs what has changed: what was decided or probed since the last one.
//!
//! Guaranteed: whoever changes a service makes what was told of it void, by the way in which it is reached. So
//! no table has anything of an older one that is not the same now (L2).

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use traffic::Service;

use super::roster::Member;

/// A service, and what workers were told of it.
#[derive(Debug)]
pub(crate) struct Told {
    member: Member,
    /// None: it may have changed since.
    service: RefCell<Option<Arc<Service>>>,
}

// === impl Told ===

impl Told {
    /// A service of which workers know nothing yet.
    pub(super) fn new(member: Member) -> Self {
        Self { member, service: RefCell::default() }
    }

    pub(super) fn into_member(self) -> Member {
        self.member
    }

    /// Returns what workers were told, if that `still` holds; else what is made now.
    pub(super) fn service(
        &self,
        still: impl FnOnce(&Service) -> bool,
        make: impl FnOnce(&Member) -> Service,
    ) -> Arc<Service> {
        let mut known = self.service.borrow_mut();
        if let Some(service) = known.as_ref().filter(|service| still(service)) {
            return Arc::clone(service);
        }
        let service = Arc::new(make(&self.member));
        *known = Some(service.clone());
        service
    }

    /// As [`Member::keep_tally`]: sums are nothing that workers are told.
    pub(crate) fn keep_tally(&mut self, moment: Duration) {
        self.member.keep_tally(moment);
    }
}

impl Deref for Told {
    type Target = Member;

    fn deref(&self) -> &Member {
        &self.member
    }
}

impl DerefMut for Told {
    // lossless: L2
    fn deref_mut(&mut self) -> &mut Member {
        *self.service.get_mut() = None;
        &mut self.member
    }
}
