//! A service of the roster with its last published form, so that with thousands of services the cost of a
//! table depends on the changes: decisions and probe results since the last one.
//!
//! Guaranteed: every mutable access to a service invalidates its published form, so that no table contains an
//! outdated part of an older one (L2). The access of a probe to one target invalidates only if workers would see
//! a difference, since thousands of probes a second change nothing that they see.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use rules::{Color, ServiceSpec};
use traffic::{Service, TargetId};

use super::roster::Member;
use super::seat::{NameSeat, TargetSeat};
use super::table;
use crate::series::{Beat, Counts, Recorded, Series};

/// Mutable access to a target. When it ends, it invalidates the published form of the service if that shows
/// the target otherwise than it is now.
#[derive(Debug)]
pub(crate) struct TargetMut<'t> {
    seat: &'t mut TargetSeat,
    color: Color,
    published: &'t mut Option<Arc<Service>>,
}

/// A service, and its last published form.
#[derive(Debug)]
pub(crate) struct PublishedMember {
    member: Member,
    /// None: it may have changed since.
    service: RefCell<Option<Arc<Service>>>,
}

// === impl PublishedMember ===

impl PublishedMember {
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

    /// Returns a target of a color for a change, with its service's settings.
    pub(super) fn target_mut(
        &mut self,
        color: Color,
        id: TargetId,
    ) -> Option<(&ServiceSpec, TargetMut<'_>)> {
        let Member { spec, colors, .. } = &mut self.member;
        let seat = colors[color.index()].targets.iter_mut().find(|seat| seat.id == id)?;
        Some((&*spec, TargetMut { seat, color, published: self.service.get_mut() }))
    }

    /// Returns the names of a color for a change; names are not published, so this does not invalidate.
    pub(super) fn names_mut(&mut self, color: Color) -> &mut [NameSeat] {
        &mut self.member.colors[color.index()].names
    }

    /// Like [`Member::keep_tally`]; sums are not published, so this does not invalidate.
    pub(crate) fn keep_tally(&mut self, moment: Duration, beat: Option<Beat>) {
        self.member.keep_tally(moment, beat);
    }
}

// Series are not published, so this does not invalidate.
impl Recorded for PublishedMember {
    fn name(&self) -> &str {
        self.member.spec.name.as_str()
    }

    fn sums(&self) -> Counts {
        self.member.tally(Duration::ZERO).into_counts()
    }

    fn series(&mut self) -> &mut Series {
        &mut self.member.series
    }
}

impl Deref for PublishedMember {
    type Target = Member;

    fn deref(&self) -> &Member {
        &self.member
    }
}

impl DerefMut for PublishedMember {
    // lossless: L2
    fn deref_mut(&mut self) -> &mut Member {
        *self.service.get_mut() = None;
        &mut self.member
    }
}

// === impl TargetMut ===

impl Deref for TargetMut<'_> {
    type Target = TargetSeat;

    fn deref(&self) -> &TargetSeat {
        self.seat
    }
}

impl DerefMut for TargetMut<'_> {
    fn deref_mut(&mut self) -> &mut TargetSeat {
        self.seat
    }
}

impl Drop for TargetMut<'_> {
    // lossless: L2
    fn drop(&mut self) {
        if self
            .published
            .as_ref()
            .is_some_and(|published| !table::shows(published, self.color, self.seat))
        {
            *self.published = None;
        }
    }
}
