//! Leases of previews: on the idle color alone, counted like all others, and never where traffic is just leaving.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use rules::{Color, Generation, Limits, ServiceName, ServiceSpec, Split, TargetUrl};
use traffic::{
    ColorBooks, ColorEntry, ColorId, ColorSum, Draining, NoPreview, PreviewClaim, PreviewTerms,
    Publisher, Reader, Routes, Service, ServiceBooks, Table, TargetBooks, TargetEntry, TargetId,
    table_channel,
};

/// A service with previews, blue active at generation 3.
struct World {
    colors: [Arc<ColorBooks>; 2],
    books: Arc<ServiceBooks>,
    target: Arc<TargetBooks>,
    publisher: Publisher,
    reader: Reader,
}

/// The parts of a table that tests vary.
struct Shown {
    generation: u64,
    active: Color,
    terms: Option<PreviewTerms>,
    draining: Option<Color>,
    targets: bool,
}

const USUAL: Shown = Shown {
    generation: 3,
    active: Color::Blue,
    terms: Some(PreviewTerms { serial: 0, closed: [false, false], versions: [None, None] }),
    draining: None,
    targets: true,
};

const CLAIM: PreviewClaim = PreviewClaim { color: Color::Green, generation: Generation(3) };

impl World {
    fn new() -> Self {
        let (publisher, mut subscriptions) = table_channel(1, Table::empty(Limits::default()));
        let reader = subscriptions.pop().unwrap().into_reader();
        let books = || Arc::new(ColorBooks::new(1));
        let world = Self {
            colors: [books(), books()],
            books: Arc::new(ServiceBooks::new(1)),
            target: Arc::new(TargetBooks::new(1)),
            publisher,
            reader,
        };
        world.publish(USUAL);
        world
    }

    fn publish(&self, shown: Shown) {
        let url = TargetUrl::parse("http://127.0.0.1:1").unwrap();
        let target = |color: Color| TargetEntry {
            id: TargetId(color.index() as u32),
            url: url.clone(),
            address: None,
            addresses: Vec::new(),
            moves: 0,
            usable: true,
            books: self.target.clone(),
        };
        let entry = |color: Color| ColorEntry {
            id: ColorId(color.index() as u32),
            targets: shown.targets.then(|| Arc::new(target(color))).into_iter().collect(),
            books: self.colors[color.index()].clone(),
        };
        let name = ServiceName::new("web").unwrap();
        let spec = ServiceSpec::new(name.clone(), vec![url.clone()], vec![url.clone()]);
        let service = Service {
            generation: Generation(shown.generation),
            split: Split::only(shown.active),
            previews: shown.terms.map(Arc::new),
            ..Service::new(name, Color::BOTH.map(entry), self.books.clone())
        };
        let draining = shown.draining.map(|color| Draining {
            what: ColorId(color.index() as u32).into(),
            cut: false,
            close_within: Duration::ZERO,
        });
        self.publisher.publish(Table {
            generation: Generation(shown.generation),
            limits: Limits::default(),
            services: vec![Arc::new(service)],
            draining: draining.into_iter().collect(),
            routes: Routes::new([&spec]),
        });
        let mut adopting = std::pin::pin!(self.reader.adopt());
        let waker = std::task::Waker::noop();
        let adopted = adopting.as_mut().poll(&mut std::task::Context::from_waker(waker));
        assert!(adopted.is_ready());
    }

    fn claim(&self) -> Result<traffic::Lease, NoPreview> {
        self.reader.claim_preview(0, CLAIM, &[], Instant::now())
    }

    fn sum(&self, color: Color) -> ColorSum {
        ColorSum::of(&self.colors[color.index()])
    }
}

#[test]
fn a_preview_is_counted_on_the_idle_color_until_it_ends() {
    // L1 L4
    let world = World::new();
    let lease = world.claim().unwrap();
    assert_eq!(lease.color(), Color::Green);
    assert_eq!((world.sum(Color::Green).leases, world.sum(Color::Blue).leases), (1, 0));
    // It does not count as the first or the last request on its color.
    let ColorSum { first_claim, last_claim, claimed_under, .. } = world.sum(Color::Green);
    assert_eq!((first_claim, last_claim, claimed_under), (None, None, 0));
    // A switch to the color and away from it leaves the lease where it is, and the drain waits for it.
    world.publish(Shown { generation: 4, active: Color::Green, ..USUAL });
    world.publish(Shown { generation: 5, draining: Some(Color::Green), ..USUAL });
    assert!(lease.is_draining());
    assert_eq!(world.sum(Color::Green).leases, 1);
    drop(lease);
    assert_eq!(world.sum(Color::Green).leases, 0);
}

#[test]
fn a_preview_is_admitted_only_where_and_while_its_color_is_idle() {
    // L1 L2 L4
    let world = World::new();
    let refused = |shown: Shown| {
        world.publish(shown);
        world.claim().expect_err("refused")
    };
    assert_eq!(refused(Shown { generation: 4, ..USUAL }), NoPreview::Changed);
    assert_eq!(refused(Shown { active: Color::Green, ..USUAL }), NoPreview::Changed);
    assert_eq!(refused(Shown { terms: None, ..USUAL }), NoPreview::Changed);
    let closed = PreviewTerms { closed: [false, true], ..PreviewTerms::default() };
    assert_eq!(refused(Shown { terms: Some(closed), ..USUAL }), NoPreview::Retired);
    assert_eq!(refused(Shown { draining: Some(Color::Green), ..USUAL }), NoPreview::Draining);
    assert_eq!(refused(Shown { targets: false, ..USUAL }), NoPreview::NoTarget);
    assert_eq!(world.sum(Color::Green).taken + world.sum(Color::Blue).taken, 0);
    // What happens to the other color does not concern it.
    let closed = PreviewTerms { closed: [true, false], ..PreviewTerms::default() };
    world.publish(Shown { terms: Some(closed), draining: Some(Color::Blue), ..USUAL });
    assert!(world.claim().is_ok());
    let elsewhere = world.reader.claim_preview(1, CLAIM, &[], Instant::now());
    assert_eq!(elsewhere.expect_err("no such service"), NoPreview::Changed);
}
