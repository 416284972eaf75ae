//! The numbers of one Teal, understood by another.

use std::time::Duration;

use rules::{ErrorPage, Limits, Policy, Split};
use traffic::DrainBooks;

use super::*;
use crate::wire::RouteMessage;

const URLS: [&str; 3] = ["http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3"];

fn url(text: &str) -> TargetUrl {
    TargetUrl::parse(text).unwrap()
}

/// The state of a Teal.
struct Roster {
    members: Vec<Member>,
    /// The newest identity given.
    newest: u32,
}

/// One service of it.
struct Member {
    name: ServiceName,
    books: Arc<ServiceBooks>,
    colors: [Known; 2],
}

impl Roster {
    fn make(&mut self, urls: &[&str]) -> Known {
        let (id, books) = self.new_color();
        let target = |text: &&str| {
            let (id, books) = self.new_target();
            let url = url(text);
            let address = url.literal();
            KnownTarget { name: TargetName { url, address }, id, books }
        };
        Known { id, books, targets: urls.iter().map(target).collect() }
    }

    fn next(&mut self) -> u32 {
        self.newest += 1;
        self.newest
    }
}

impl Member {
    fn color(&self, color: Color) -> &Known {
        &self.colors[usize::from(color == Color::Green)]
    }
}

impl Identities for Roster {
    fn service(&mut self, name: &ServiceName) -> Arc<ServiceBooks> {
        let member = self.members.iter().find(|member| member.name == *name);
        member.map_or_else(|| Arc::new(ServiceBooks::new(2)), |member| member.books.clone())
    }

    fn new_color(&mut self) -> (ColorId, Arc<ColorBooks>) {
        (ColorId(self.next()), Arc::new(ColorBooks::new(2)))
    }

    fn new_target(&mut self) -> (TargetId, Arc<TargetBooks>) {
        (TargetId(self.next()), Arc::new(TargetBooks::new(2)))
    }

    fn known(&self, name: &ServiceName, color: Color) -> Option<Known> {
        let Known { id, books, targets } =
            self.members.iter().find(|member| member.name == *name)?.color(color);
        let targets = targets.iter().map(|KnownTarget { name, id, books }| KnownTarget {
            name: name.clone(),
            id: *id,
            books: books.clone(),
        });
        Some(Known { id: *id, books: books.clone(), targets: targets.collect() })
    }

    fn colors(&self) -> Vec<ColorId> {
        self.members.iter().flat_map(|member| &member.colors).map(|color| color.id).collect()
    }

    fn error_pages(&self, name: &ServiceName) -> ErrorPages {
        let known = self.members.iter().any(|member| member.name == *name);
        if known { own_pages() } else { ErrorPages::default() }
    }
}

/// The pages that the older Teal has read.
fn own_pages() -> ErrorPages {
    let mut pages = ErrorPages::of_directory("/etc/teal/pages".into());
    pages.put(ErrorPage::Unavailable, Some("<p>soon</p>".into()));
    pages
}

/// The older Teal's state: blue at the first address, green at the second.
fn roster() -> Roster {
    let mut roster = Roster { members: Vec::new(), newest: 0 };
    let name = ServiceName::new("web").unwrap();
    let colors = [roster.make(&URLS[..1]), roster.make(&URLS[1..2])];
    roster.members.push(Member { name, books: Arc::new(ServiceBooks::new(2)), colors });
    roster
}

fn color(id: u32, targets: &[(u32, &str)]) -> ColorMessage {
    let target = |(id, url): &(u32, &str)| TargetMessage {
        id: *id,
        url: (*url).to_owned(),
        tls: None,
        announce: None,
        own_host: false,
        resolve_first: false,
        address: TargetUrl::parse(url).ok().and_then(|url| url.literal()),
        addresses: Vec::new(),
        moves: 0,
        usable: true,
    };
    ColorMessage { id, targets: targets.iter().map(target).collect() }
}

fn message(
    active: Color,
    colors: [ColorMessage; 2],
    draining: Vec<DrainingMessage>,
) -> TableMessage {
    let service = ServiceMessage {
        name: "web".to_owned(),
        generation: 7,
        split: Split::only(active),
        colors,
        path_prefix: "/app".to_owned(),
        only_h2c: false,
        policy: Arc::new(Policy { strip_prefix: true, ..Policy::default() }),
        held: Some(Duration::from_secs(3)),
        maintenance: Some(NoticeMessage {
            message: Some("Back at noon".to_owned()),
            page: None,
            allow: vec!["10.0.0.0/8".to_owned()],
        }),
        previews: Some(PreviewsMessage {
            serial: 2,
            closed: [true, false],
            versions: [None, Some("v42".to_owned())],
        }),
    };
    let route = RouteMessage { host: "a.test".to_owned(), prefix: "/app".to_owned(), place: 0 };
    TableMessage {
        number: 1,
        generation: 8,
        limits: Limits::default(),
        services: vec![service],
        routes: vec![route],
        draining,
    }
}

fn usual(active: Color, draining: Vec<DrainingMessage>) -> TableMessage {
    message(active, [color(40, &[(50, URLS[0])]), color(41, &[(51, URLS[1])])], draining)
}

#[test]
fn existing_parts_keep_their_identity_and_their_books() {
    // L4
    let (mut roster, mut mirror) = (roster(), Mirror::default());
    let member = &roster.members[0];
    let known = member.colors.each_ref().map(|seat| (seat.id, seat.targets[0].id));
    let books = member.color(Color::Blue).books.clone();
    let says = usual(Color::Green, Vec::new());
    let table = mirror.table(&says, &mut roster).unwrap();
    let service = &table.services[0];
    let here = service.colors.each_ref().map(|color| (color.id, color.targets[0].id));
    assert_eq!(here, known);
    assert!(Arc::ptr_eq(&service.color(Color::Blue).books, &books));
    assert_eq!(
        (service.split.stable(), service.generation, table.generation.0),
        (Color::Green, Generation(7), 8)
    );
    let sent = (*says.services[0].policy).clone();
    let expected = Policy { error_pages: own_pages(), ..sent };
    assert_eq!((service.strip(), &*service.policy), ("/app", &expected));
    assert_eq!(service.held.map(|held| held.max_wait), Some(Duration::from_secs(3)));
    let versions = [None, Version::new("v42").ok()];
    let terms = PreviewTerms { serial: 2, closed: [true, false], versions };
    assert_eq!(service.previews.as_deref(), Some(&terms));
    let notice = service.maintenance.as_deref().unwrap();
    assert_eq!(notice.message.as_deref(), Some("Back at noon"));
    assert!(notice.allows([10, 1, 2, 3].into()) && !notice.allows([11, 1, 2, 3].into()));
    assert_eq!(table.routes.find("a.test", "/app/x"), Ok(0));
    assert!(table.draining.is_empty());
    assert_eq!(mirror.number_of(known[0].1), Some(50));
    assert!(mirror.colors().any(|(number, books)| number == 40 && books.remaining().leases == 0));
}

#[test]
fn a_drain_there_is_a_drain_here() {
    // L3 L4
    let (mut roster, mut mirror) = (roster(), Mirror::default());
    let close_within = Duration::from_secs(7);
    let draining = |what, cut| DrainingMessage { what, cut, close_within };
    let says = vec![
        draining(LeavingMessage::Color(40), true),
        draining(LeavingMessage::Target(51), false),
        draining(LeavingMessage::Color(99), false), // never seen here: nothing of it is here
    ];
    let table = mirror.table(&usual(Color::Green, says), &mut roster).unwrap();
    let blue = roster.members[0].color(Color::Blue).id;
    let target = roster.members[0].color(Color::Green).targets[0].id;
    let expected = [(Leaving::Color(blue), true), (Leaving::Target(target), false)]
        .map(|(what, cut)| Draining { what, cut, close_within });
    assert_eq!(table.draining, expected);
}

#[test]
fn a_new_number_is_new_even_where_the_address_is_old() {
    // L4: the color of before may still be drained.
    let close_within = Duration::from_secs(7);
    let (mut roster, mut mirror) = (roster(), Mirror::default());
    let first = mirror.table(&usual(Color::Blue, Vec::new()), &mut roster).unwrap();
    let again = message(
        Color::Blue,
        [color(60, &[(70, URLS[0])]), color(41, &[(51, URLS[1]), (71, URLS[2])])],
        vec![DrainingMessage { what: LeavingMessage::Color(40), cut: false, close_within }],
    );
    let second = mirror.table(&again, &mut roster).unwrap();
    let (before, now) = (&first.services[0], &second.services[0]);
    assert_ne!(now.color(Color::Blue).id, before.color(Color::Blue).id);
    assert_ne!(now.color(Color::Blue).targets[0].id, before.color(Color::Blue).targets[0].id);
    assert_eq!(now.color(Color::Green).id, before.color(Color::Green).id, "one target more");
    assert_eq!(
        second.draining,
        [Draining { what: before.color(Color::Blue).id.into(), cut: false, close_within }]
    );
    assert!(Arc::ptr_eq(&now.books, &before.books));
}

#[test]
fn a_color_that_the_newer_one_does_not_have_drains() {
    // L4
    let (mut roster, mut mirror) = (roster(), Mirror::default());
    let other =
        message(Color::Blue, [color(1, &[(1, URLS[2])]), color(2, &[(2, URLS[1])])], Vec::new());
    let gone = roster.members[0].color(Color::Blue).id;
    for _ in 0..2 {
        let table = mirror.table(&other, &mut roster).unwrap();
        let [Draining { what, cut: false, .. }] = table.draining[..] else {
            unreachable!("{:?}", table.draining)
        };
        assert_eq!(what, gone.into());
        assert_ne!(table.services[0].color(Color::Blue).id, gone);
    }
}

#[test]
fn messages_that_are_not_understood_are_reported() {
    let (mut roster, mut mirror) = (roster(), Mirror::default());
    let mut bad = usual(Color::Blue, Vec::new());
    bad.services[0].name = "No Name".to_owned();
    assert!(mirror.table(&bad, &mut roster).is_err());
    let bad = message(Color::Blue, [color(1, &[(1, "gopher://x")]), color(2, &[])], Vec::new());
    assert!(mirror.table(&bad, &mut roster).unwrap_err().contains("gopher"));
}

#[test]
fn targets_of_one_newer_teal_are_known_under_the_numbers_of_the_next() {
    // L4: after a crash, what is still open on a color of the one that died is counted by the next.
    let (mut roster, mut mirror) = (roster(), Mirror::default());
    let made =
        message(Color::Blue, [color(40, &[(50, URLS[2])]), color(41, &[(51, URLS[1])])], vec![]);
    let before = Arc::new(mirror.table(&made, &mut roster).unwrap());
    let mut next = Mirror::after(before.clone());
    let says = message(Color::Blue, [color(0, &[(0, URLS[2])]), color(1, &[(1, URLS[1])])], vec![]);
    let table = next.table(&says, &mut roster).unwrap();
    for color in Color::BOTH {
        let (was, is) = (before.services[0].color(color), table.services[0].color(color));
        assert_eq!((was.id, was.targets[0].id), (is.id, is.targets[0].id));
        assert!(Arc::ptr_eq(&was.books, &is.books));
    }
    assert_eq!(table.draining, before.draining, "what was left out before still is");
    assert!(!table.draining.is_empty());
}
