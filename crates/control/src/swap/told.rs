//! A service of the roster with its last published form, so that with thousands of services the cost of a
//! table depends on the changes: decisions and probe results since the last one.
//!
//! Guaranteed: every mutable access to a service invalidates its published form, so that no table contains an
//! outdated part of an older one (L2).

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use traffic::Service;

use super::roster::Member;

/// A service, and its last published form.
#[derive(Debug)]
pub(crate) struct Told {
    member: Member,
    /// None: it may have changed since.
    service: RefCell<Option<Arc<Service>>>,
}

// === impl Told ===

impl Told {
    /// Creates a service that was not published yet.
    pub(super) fn new(member: Member) -> Self {
        Self { member, service: RefCell::default() }
    }

    pub(super) fn into_member(self) -> Member {
        self.member
    }

    /// Returns the published form, if it is `still` valid; else a new one.
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

    /// Like [`Member::keep_tally`]; sums are not published, so this does not invalidate.
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
