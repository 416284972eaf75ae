//! What lives longer than a table.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use connect::PeerCertificate;
use rules::{Color, Failover, ServiceName, ServiceSpec, Standing, TargetHealth, TargetUrl};
use tokio::sync::Notify;
use traffic::{
    Answers, ColorBooks, ColorId, DrainBooks, Leaving, ServiceBooks, TargetBooks, TargetId,
};

use crate::health::Candidate;
use crate::tally::{Tallies, Tally, Volume};
use crate::view::SwitchCounts;

/// All services that are configured now, and the identities given so far.
#[derive(Debug)]
pub(crate) struct Roster {
    pub(crate) members: Vec<Member>,
    /// In which member, and in which color of it, each target is.
    places: HashMap<TargetId, (usize, Color)>,
    /// The members that fail over by themselves.
    auto: Vec<usize>,
    workers: usize,
    next_color: u32,
    next_target: u32,
    // A service that comes back goes on in its old books, so that its counts never fall.
    retired: HashMap<ServiceName, Arc<ServiceBooks>>,
}

/// One service.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) spec: ServiceSpec,
    pub(crate) books: Arc<ServiceBooks>,
    pub(crate) colors: [ColorSeat; 2],
    pub(crate) tallies: Tallies,
    /// The sums from before the switch whose receipt is open.
    pub(crate) base: Option<Tally>,
    pub(crate) counts: SwitchCounts,
}

/// One color of a service.
#[derive(Debug)]
pub(crate) struct ColorSeat {
    pub(crate) id: ColorId,
    pub(crate) books: Arc<ColorBooks>,
    pub(crate) targets: Vec<TargetSeat>,
}

/// One target of a color.
#[derive(Debug)]
pub(crate) struct TargetSeat {
    pub(crate) id: TargetId,
    pub(crate) url: TargetUrl,
    pub(crate) books: Arc<TargetBooks>,
    pub(crate) health: TargetHealth,
    /// The addresses that traffic uses; empty: none.
    pub(crate) addresses: Vec<SocketAddr>,
    /// How often it has left an address.
    pub(crate) moves: u32,
    /// The addresses that the name had when a resolver last answered.
    pub(crate) listed: Vec<SocketAddr>,
    /// Those of them that are not proven, and so not used.
    pub(crate) candidates: Vec<Candidate>,
    /// Traffic could not connect, and no probe has passed since.
    pub(crate) suspect: bool,
    /// How an answer of it broke the protocol since the last probe, and what was counted of its
    /// answers up to that probe.
    pub(crate) malformed: Option<&'static str>,
    pub(crate) answers: Answers,
    /// Set while a failure that traffic met is being confirmed.
    pub(crate) confirming: bool,
    /// The certificate that it has shown last.
    pub(crate) certificate: Option<PeerCertificate>,
    /// Asks for the next probe at once.
    pub(crate) hurry: Arc<Notify>,
}

/// What is to be drained: a color, or one target that a color lost while it kept others.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) service: ServiceName,
    pub(crate) color: Color,
    /// The target, if only that one is to be drained.
    pub(crate) target: Option<TargetUrl>,
    pub(crate) id: Leaving,
    pub(crate) books: Arc<dyn DrainBooks>,
    pub(crate) timeout: Duration,
}

// === impl Roster ===

impl Roster {
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            members: Vec::new(),
            places: HashMap::new(),
            auto: Vec::new(),
            workers,
            next_color: 0,
            next_target: 0,
            retired: HashMap::new(),
        }
    }

    pub(crate) fn member(&self, name: &ServiceName) -> Option<&Member> {
        self.members.iter().find(|member| member.spec.name == *name)
    }

    pub(crate) fn member_mut(&mut self, name: &ServiceName) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.spec.name == *name)
    }

    /// Where a target stands now, with its service's settings.
    pub(crate) fn target(&self, id: TargetId) -> Option<(&Member, Color, &TargetSeat)> {
        let &(place, color) = self.places.get(&id)?;
        let member = self.members.get(place)?;
        let seat = member.color(color).targets.iter().find(|seat| seat.id == id)?;
        Some((member, color, seat))
    }

    /// The services that fail over by themselves: asked for at each probe, of which there may be
    /// thousands a second for services that do not.
    pub(crate) fn auto(&self) -> impl Iterator<Item = &Member> {
        self.auto.iter().filter_map(|place| self.members.get(*place))
    }

    /// A target, to be changed, with its service's way of probing.
    pub(crate) fn target_mut(
        &mut self,
        id: TargetId,
    ) -> Option<(&ServiceSpec, Color, &mut TargetSeat)> {
        let &(place, color) = self.places.get(&id)?;
        let Member { spec, colors, .. } = self.members.get_mut(place)?;
        let seats = &mut colors[color.index()].targets;
        let seat = seats.iter_mut().find(|seat| seat.id == id)?;
        Some((&*spec, color, seat))
    }

    /// Takes over new settings. What is still there keeps its identity, its books and what
    /// probes said of it, unless the way of probing has changed. Returns what has left.
    pub(crate) fn adopt(&mut self, specs: Vec<ServiceSpec>) -> Vec<Subject> {
        let before = std::mem::take(&mut self.members).into_iter();
        let mut before: BTreeMap<ServiceName, Member> =
            before.map(|member| (member.spec.name.clone(), member)).collect();
        let mut left = Vec::new();
        for spec in specs {
            let member = match before.remove(&spec.name) {
                Some(member) => self.keep(member, spec, &mut left),
                None => self.make(spec),
            };
            self.members.push(member);
        }
        self.places = self.find_places();
        let members = self.members.iter().enumerate();
        let auto = members.filter(|(_, member)| member.spec.failover == Failover::Auto);
        self.auto = auto.map(|(place, _)| place).collect();
        for member in before.into_values() {
            left.extend(Color::BOTH.map(|color| member.leave(color)));
            member.hurry_all(); // so that their probing ends
            self.retired.insert(member.spec.name, member.books);
        }
        left
    }

    /// Where each target is, so that a probe of one among thousands looks at no other.
    fn find_places(&self) -> HashMap<TargetId, (usize, Color)> {
        let members = self.members.iter().enumerate();
        let colors = members.flat_map(|(place, member)| {
            Color::BOTH.map(|color| (place, color, member.color(color)))
        });
        colors
            .flat_map(|(place, color, seat)| {
                seat.targets.iter().map(move |target| (target.id, (place, color)))
            })
            .collect()
    }

    fn make(&mut self, spec: ServiceSpec) -> Member {
        let books = self.retired.remove(&spec.name);
        let books = books.unwrap_or_else(|| Arc::new(ServiceBooks::new(self.workers)));
        let colors = Color::BOTH.map(|color| self.make_color(&spec.color(color).targets));
        let (tallies, counts) = (Tallies::default(), SwitchCounts::default());
        Member { spec, books, colors, tallies, base: None, counts }
    }

    /// The books of a service, also of one that has left or that was never there.
    pub(crate) fn books(&mut self, name: &ServiceName) -> Arc<ServiceBooks> {
        if let Some(member) = self.member(name) {
            return member.books.clone();
        }
        let new = || Arc::new(ServiceBooks::new(self.workers));
        self.retired.entry(name.clone()).or_insert_with(new).clone()
    }

    /// A color that is no service's yet.
    pub(crate) fn new_color(&mut self) -> ColorSeat {
        let id = ColorId(self.next_color);
        self.next_color += 1;
        ColorSeat { id, books: Arc::new(ColorBooks::new(self.workers)), targets: Vec::new() }
    }

    /// A target that is no color's yet.
    pub(crate) fn new_target(&mut self) -> (TargetId, Arc<TargetBooks>) {
        let id = TargetId(self.next_target);
        self.next_target += 1;
        (id, Arc::new(TargetBooks::new(self.workers)))
    }

    fn make_color(&mut self, urls: &[TargetUrl]) -> ColorSeat {
        let targets = urls.iter().map(|url| self.make_target(url)).collect();
        ColorSeat { targets, ..self.new_color() }
    }

    fn make_target(&mut self, url: &TargetUrl) -> TargetSeat {
        let (id, books) = self.new_target();
        TargetSeat {
            id,
            url: url.clone(),
            books,
            health: TargetHealth::default(),
            addresses: literal_address(url).into_iter().collect(),
            moves: 0,
            listed: Vec::new(),
            candidates: Vec::new(),
            suspect: false,
            malformed: None,
            answers: Answers::default(),
            confirming: false,
            certificate: None,
            hurry: Arc::default(),
        }
    }

    fn keep(&mut self, mut member: Member, spec: ServiceSpec, left: &mut Vec<Subject>) -> Member {
        for color in Color::BOTH {
            let urls = &spec.color(color).targets;
            let seat = &mut member.colors[color.index()];
            if !seat.targets.iter().any(|target| urls.contains(&target.url)) {
                seat.targets.iter().for_each(|target| target.hurry.notify_one());
                left.push(member.leave(color));
                member.colors[color.index()] = self.make_color(urls);
                continue;
            }
            let mut known = std::mem::take(&mut seat.targets);
            for url in urls {
                let place = known.iter().position(|target| target.url == *url);
                let target = match place {
                    Some(place) => known.swap_remove(place),
                    None => self.make_target(url),
                };
                seat.targets.push(target);
            }
            for gone in known {
                gone.hurry.notify_one();
                left.push(Subject {
                    service: spec.name.clone(),
                    color,
                    target: Some(gone.url),
                    id: gone.id.into(),
                    books: gone.books,
                    timeout: spec.drain.timeout,
                });
            }
        }
        if member.spec.health != spec.health {
            let targets = member.colors.iter_mut().flat_map(|seat| &mut seat.targets);
            targets.for_each(TargetSeat::forget_health);
            member.hurry_all();
        }
        member.spec = spec;
        member
    }
}

// === impl Member ===

impl Member {
    pub(crate) fn color(&self, color: Color) -> &ColorSeat {
        match color {
            Color::Blue => &self.colors[0],
            Color::Green => &self.colors[1],
        }
    }

    /// Its sums now.
    pub(crate) fn tally(&self, moment: Duration) -> Tally {
        let targets = self.colors.each_ref().map(|seat| seat.targets.iter().map(|t| &*t.books));
        Tally::of(&self.books, targets, moment)
    }

    /// Keeps its sums of this moment, if anything has happened since the last ones.
    pub(crate) fn keep_tally(&mut self, moment: Duration) {
        let targets = self.colors.iter().flat_map(|seat| seat.targets.iter().map(|t| &*t.books));
        let volume = Volume::of(&self.books, targets);
        if self.tallies.pass(moment, volume) {
            let tally = self.tally(moment);
            self.tallies.take(tally);
        }
    }

    fn leave(&self, color: Color) -> Subject {
        let seat = self.color(color);
        Subject {
            service: self.spec.name.clone(),
            color,
            target: None,
            id: seat.id.into(),
            books: seat.books.clone(),
            timeout: self.spec.drain.timeout,
        }
    }

    fn hurry_all(&self) {
        let targets = self.colors.iter().flat_map(|seat| &seat.targets);
        targets.for_each(|target| target.hurry.notify_one());
    }
}

// === impl TargetSeat ===

impl TargetSeat {
    /// Whether workers may choose it: nothing speaks against it yet, or any more.
    pub(crate) fn is_usable(&self) -> bool {
        self.health.standing() != Standing::Down && self.is_reachable()
    }
}

// === impl Subject ===

impl Subject {
    /// For the log.
    pub(crate) fn target_url(&self) -> Option<impl tracing::Value> {
        self.target.as_ref().map(tracing::field::display)
    }
}

/// The address of a target that is written as one; a name has to be resolved.
pub(crate) fn literal_address(url: &TargetUrl) -> Option<SocketAddr> {
    let (host, port) = url.host_and_port()?;
    Some(SocketAddr::new(host.parse::<IpAddr>().ok()?, port))
}
