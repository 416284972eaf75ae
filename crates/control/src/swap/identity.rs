//! The identities of the roster, for a table that another Teal describes.

use std::sync::Arc;

use peer::{Identities, Known, KnownTarget};
use rules::{Color, ErrorPages, ServiceName};
use traffic::{ColorBooks, ColorId, ServiceBooks, TargetBooks, TargetId};

use super::roster::{Member, Roster};

impl Identities for Roster {
    fn service(&mut self, name: &ServiceName) -> Arc<ServiceBooks> {
        self.books(name)
    }

    fn new_color(&mut self) -> (ColorId, Arc<ColorBooks>) {
        let seat = Self::new_color(self);
        (seat.id, seat.books)
    }

    fn new_target(&mut self) -> (TargetId, Arc<TargetBooks>) {
        Self::new_target(self)
    }

    fn known(&self, name: &ServiceName, color: Color) -> Option<Known> {
        let seat = self.member(name)?.color(color);
        let targets = seat.targets.iter().map(|seat| KnownTarget {
            name: seat.name(),
            id: seat.id,
            books: seat.books.clone(),
        });
        Some(Known { id: seat.id, books: seat.books.clone(), targets: targets.collect() })
    }

    fn colors(&self) -> Vec<ColorId> {
        self.members.iter().flat_map(|member| &member.colors).map(|color| color.id).collect()
    }

    fn error_pages(&self, name: &ServiceName) -> ErrorPages {
        let own = |member: &Member| member.spec.policy.error_pages.clone();
        self.member(name).map_or_else(ErrorPages::default, own)
    }
}
