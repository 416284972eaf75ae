//! The state that outlives a table.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use peer::ServiceStart;
use rules::{Color, Failover, ServiceName, ServiceSpec, TargetName, TargetUrl};
use traffic::{
    ColorBooks, ColorId, DrainBooks, Leaving, ServiceBooks, TargetBooks, TargetId, TargetSum,
};

use super::published::{PublishedMember, TargetMut};
use super::seat::{NameId, NameSeat, TargetSeat};
use super::table::IndexedRoutes;
use crate::series::{Beat, Counts, Gauges, Series};
use crate::tally::{Tallies, Tally, Volume};

/// The maximum number of targets of a color that are remembered after they have left.
const DEPARTED: usize = 32;

/// All services configured now, and the identities assigned so far.
#[derive(Debug)]
pub(crate) struct Roster {
    pub(crate) members: Vec<PublishedMember>,
    /// The number of times that `members` was replaced; readers that read it in parts then start over.
    pub(crate) adoptions: u64,
    /// The member and color of each target.
    pub(super) places: HashMap<TargetId, (usize, Color)>,
    /// The member and color of each name.
    pub(super) name_places: HashMap<NameId, (usize, Color)>,
    /// The members with automatic failover.
    auto: Vec<usize>,
    /// The members by name.
    pub(super) by_name: Vec<usize>,
    /// The routes of the last table.
    pub(super) routes: RefCell<IndexedRoutes>,
    workers: usize,
    next_color: u32,
    next_target: u32,
    next_name: u32,
    // A service that is added again continues with its old counters, so that they never go down.
    retired: HashMap<ServiceName, Arc<ServiceBooks>>,
}

/// One service.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) spec: ServiceSpec,
    pub(crate) books: Arc<ServiceBooks>,
    pub(crate) colors: [ColorSeat; 2],
    pub(crate) tallies: Tallies,
    /// Its recent traffic.
    pub(crate) series: Series,
    /// The sums from before the switch whose receipt is open.
    pub(crate) base: Option<Tally>,
}

/// One color of a service.
#[derive(Debug)]
pub(crate) struct ColorSeat {
    pub(crate) id: ColorId,
    pub(crate) books: Arc<ColorBooks>,
    /// In the order of the configuration; the addresses of a name are adjacent.
    pub(crate) targets: Vec<TargetSeat>,
    /// The names of which each address is a target.
    pub(crate) names: Vec<NameSeat>,
    /// True while it is being retired: it takes no lease of a preview.
    pub(crate) is_closed: bool,
    /// The counters of the targets that left last, also those of other targets that it had before: sums do not go
    /// down when one leaves.
    departed: VecDeque<Arc<TargetBooks>>,
    /// The sum of those that left before them.
    gone: Option<Box<TargetSum>>,
}

/// A subject to drain: a color, or one target removed from a color that kept others.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) service: ServiceName,
    pub(crate) color: Color,
    /// The target, if only that is to be drained.
    pub(crate) target: Option<TargetName>,
    /// True for an address that its name no longer has: no caller asked for its removal or waits for it.
    pub(crate) of_name: bool,
    pub(crate) id: Leaving,
    pub(crate) books: Arc<dyn DrainBooks>,
    pub(crate) timeout: Duration,
}

// === impl Roster ===

impl Roster {
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            members: Vec::new(),
            adoptions: 0,
            places: HashMap::new(),
            auto: Vec::new(),
            by_name: Vec::new(),
            routes: RefCell::default(),
            name_places: HashMap::new(),
            workers,
            next_color: 0,
            next_target: 0,
            next_name: 0,
            retired: HashMap::new(),
        }
    }

    pub(crate) fn member(&self, name: &ServiceName) -> Option<&Member> {
        self.members.iter().find(|member| member.spec.name == *name).map(|published| &**published)
    }

    pub(crate) fn member_mut(&mut self, name: &ServiceName) -> Option<&mut Member> {
        self.members
            .iter_mut()
            .find(|member| member.spec.name == *name)
            .map(|published| &mut **published)
    }

    /// Returns a service that was at this place when it was looked up; it may have moved since.
    pub(crate) fn member_near(&self, place: usize, name: &ServiceName) -> Option<&Member> {
        let there = self.members.get(place).filter(|member| member.spec.name == *name);
        there.map(|published| &**published).or_else(|| self.member(name))
    }

    /// Returns a target with its service and color.
    pub(crate) fn target(&self, id: TargetId) -> Option<(&Member, Color, &TargetSeat)> {
        let &(place, color) = self.places.get(&id)?;
        let member = self.members.get(place)?;
        let seat = member.color(color).targets.iter().find(|seat| seat.id == id)?;
        Some((member, color, seat))
    }

    /// Returns the services with automatic failover. Called at each probe, of which there may be thousands
    /// per second for services without it.
    pub(crate) fn auto(&self) -> impl Iterator<Item = &Member> {
        self.auto.iter().filter_map(|place| Some(&**self.members.get(*place)?))
    }

    /// Returns a target, to be changed, with its service's settings for probes.
    pub(crate) fn target_mut(
        &mut self,
        id: TargetId,
    ) -> Option<(&ServiceSpec, Color, TargetMut<'_>)> {
        let &(place, color) = self.places.get(&id)?;
        let (spec, seat) = self.members.get_mut(place)?.target_mut(color, id)?;
        Some((spec, color, seat))
    }

    /// Applies a new configuration. Subjects that remain keep their identities, their counters and their
    /// health, unless the settings for probes have changed. Returns the removed ones.
    pub(crate) fn adopt(&mut self, specs: Vec<ServiceSpec>) -> Vec<Subject> {
        self.adoptions += 1;
        let before = std::mem::take(&mut self.members).into_iter();
        let mut before: BTreeMap<ServiceName, Member> = before
            .map(|published| (published.spec.name.clone(), published.into_member()))
            .collect();
        let mut left = Vec::new();
        for spec in specs {
            let member = match before.remove(&spec.name) {
                Some(member) => self.keep(member, spec, &mut left),
                None => self.make(spec),
            };
            self.members.push(PublishedMember::new(member));
        }
        self.find_places();
        let members = self.members.iter().enumerate();
        let auto = members.filter(|(_, member)| member.spec.policy.failover == Failover::Auto);
        self.auto = auto.map(|(place, _)| place).collect();
        self.by_name = (0..self.members.len()).collect();
        self.by_name.sort_by_key(|place| &self.members[*place].spec.name);
        self.routes = RefCell::default();
        for member in before.into_values() {
            left.extend(Color::BOTH.map(|color| member.color(color).leave(&member.spec, color)));
            member.hurry_all(); // so that their probing ends
            self.retired.insert(member.spec.name, member.books);
        }
        left
    }

    /// Indexes the targets, so that a probe of one among thousands looks at no other.
    fn find_places(&mut self) {
        self.places.clear();
        self.name_places.clear();
        for (place, member) in self.members.iter().enumerate() {
            for color in Color::BOTH {
                let seat = member.color(color);
                let targets = seat.targets.iter().map(|target| (target.id, (place, color)));
                self.places.extend(targets);
                let names = seat.names.iter().map(|name| (name.id, (place, color)));
                self.name_places.extend(names);
            }
        }
    }

    fn make(&mut self, spec: ServiceSpec) -> Member {
        let books = self.retired.remove(&spec.name);
        let books = books.unwrap_or_else(|| Arc::new(ServiceBooks::new(self.workers)));
        let colors = Color::BOTH.map(|color| self.make_color(&spec.color(color).targets));
        let (tallies, series) = (Tallies::default(), Series::default());
        let mut member = Member { spec, books, colors, tallies, series, base: None };
        member.series = Series::beginning_at(member.tally(Duration::ZERO).into_counts());
        member
    }

    /// Returns the counters of a service, even if it was removed or never configured.
    pub(crate) fn books(&mut self, name: &ServiceName) -> Arc<ServiceBooks> {
        if let Some(member) = self.member(name) {
            return member.books.clone();
        }
        let new = || Arc::new(ServiceBooks::new(self.workers));
        self.retired.entry(name.clone()).or_insert_with(new).clone()
    }

    /// Creates a color that does not belong to a service yet.
    pub(crate) fn new_color(&mut self) -> ColorSeat {
        let id = ColorId(self.next_color);
        self.next_color += 1;
        let books = Arc::new(ColorBooks::new(self.workers));
        ColorSeat {
            id,
            books,
            targets: Vec::new(),
            names: Vec::new(),
            is_closed: false,
            departed: VecDeque::new(),
            gone: None,
        }
    }

    /// Creates a target that does not belong to a color yet.
    pub(crate) fn new_target(&mut self) -> (TargetId, Arc<TargetBooks>) {
        let id = TargetId(self.next_target);
        self.next_target += 1;
        (id, Arc::new(TargetBooks::new(self.workers)))
    }

    fn make_color(&mut self, urls: &[TargetUrl]) -> ColorSeat {
        let mut seat = self.new_color();
        for url in urls {
            self.add(url, &mut seat);
        }
        seat
    }

    /// Adds a configured target, of which nothing is known yet.
    fn add(&mut self, url: &TargetUrl, seat: &mut ColorSeat) {
        seat.targets.push(self.make_target(url, url.literal()));
        if url.is_each_address() {
            seat.names.push(NameSeat::new(NameId(self.next_name), url.clone()));
            self.next_name += 1;
        }
    }

    pub(super) fn make_target(
        &mut self,
        url: &TargetUrl,
        address: Option<SocketAddr>,
    ) -> TargetSeat {
        TargetSeat::new(self.new_target(), url, address)
    }

    /// Gives a color of one service other targets, which its specification has already. Returns the removed ones.
    pub(crate) fn retarget(&mut self, spec: ServiceSpec, color: Color) -> Vec<Subject> {
        let place = self.members.iter().position(|member| member.spec.name == spec.name);
        let Some(place) = place else { return Vec::new() };
        let spare = self.new_color();
        let member = &mut *self.members[place];
        let seat = std::mem::replace(&mut member.colors[color.index()], spare);
        let mut left = Vec::new();
        let seat = self.renew(seat, &spec, color, &mut left);
        let member = &mut *self.members[place];
        member.colors[color.index()] = seat;
        member.spec = spec;
        self.find_places();
        left
    }

    fn keep(&mut self, mut member: Member, spec: ServiceSpec, left: &mut Vec<Subject>) -> Member {
        let [blue, green] = member.colors;
        member.colors = [
            self.renew(blue, &spec, Color::Blue, left),
            self.renew(green, &spec, Color::Green, left),
        ];
        if member.spec.health != spec.health {
            let targets = member.colors.iter_mut().flat_map(|seat| &mut seat.targets);
            targets.for_each(TargetSeat::forget_health);
            member.hurry_all();
        }
        member.spec = spec;
        member
    }
}

impl Roster {
    /// Gives a color the targets of a specification. One that keeps none of its targets is another color from then on,
    /// unless it had none.
    fn renew(
        &mut self,
        mut seat: ColorSeat,
        spec: &ServiceSpec,
        color: Color,
        left: &mut Vec<Subject>,
    ) -> ColorSeat {
        let urls = &spec.color(color).targets;
        let stays = |target: &TargetSeat| urls.contains(&target.url);
        if !seat.targets.is_empty() && !seat.targets.iter().any(stays) {
            seat.targets.iter().for_each(|target| target.hurry.notify_one());
            seat.names.iter().for_each(|name| name.hurry.notify_one());
            left.push(seat.leave(spec, color));
            let mut new = self.make_color(urls);
            new.succeed(seat);
            return new;
        }
        let (mut known, mut names) =
            (std::mem::take(&mut seat.targets), std::mem::take(&mut seat.names));
        for url in urls {
            let same = known.extract_if(.., |target| target.url == *url);
            let before = seat.targets.len();
            seat.targets.extend(same);
            seat.names.extend(names.extract_if(.., |name| name.url == *url));
            if seat.targets.len() == before {
                self.add(url, &mut seat);
            }
        }
        for gone in &names {
            gone.hurry.notify_one();
        }
        left.extend(known.into_iter().map(|gone| seat.depart(gone, spec, color)));
        seat
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

    /// Returns the counts of these targets, and of all.
    fn counts(&self, reported: &HashSet<TargetId>) -> (Counts, Counts) {
        let is_reported = |target: &&TargetSeat| reported.contains(&target.id);
        let some = self.colors.each_ref().map(|color| {
            let targets = color.targets.iter().filter(is_reported);
            targets.map(|target| TargetSum::of(&target.books))
        });
        let others = self.colors.each_ref().map(|color| {
            let targets = color.targets.iter().filter(|target| !is_reported(target));
            let targets = targets.map(|target| &*target.books);
            let left = targets.chain(color.departed.iter().map(|books| &**books));
            left.map(TargetSum::of).chain(color.gone.as_deref().cloned())
        });
        let some = Tally::of(&self.books, some, Duration::ZERO).into_counts();
        let mut all = Tally::of(&self.books, others, Duration::ZERO).into_counts();
        (all.teal, all.aborted) = (0, 0); // those of `some`
        all.add(&some);
        (some, all)
    }

    /// Returns where the series of another Teal has to start that gets the counts of these targets.
    pub(crate) fn series_start(&self, reported: &HashSet<TargetId>) -> Option<ServiceStart> {
        let (reported, sums) = self.counts(reported);
        self.series.start_of(self.spec.name.as_str(), &reported, &sums)
    }

    /// Returns its sums now.
    pub(crate) fn tally(&self, moment: Duration) -> Tally {
        let targets = self.colors.each_ref().map(ColorSeat::target_sums);
        Tally::of(&self.books, targets, moment)
    }

    /// Keeps its present sums, if anything has happened since the last ones, and adds a point to its series.
    pub(crate) fn keep_tally(&mut self, moment: Duration, beat: Option<Beat>) {
        let targets = self.colors.iter().flat_map(ColorSeat::target_books);
        let volume = Volume::of(&self.books, targets);
        let has_changed = self.tallies.pass(moment, volume);
        if has_changed {
            let tally = self.tally(moment);
            self.tallies.take(tally);
        }
        let Some(beat) = beat else { return };
        let sums = self.tallies.unrecorded();
        if sums.is_none() && !self.series.has_points() {
            return;
        }
        let gauges = self.colors.each_ref().map(ColorSeat::gauges);
        self.series.record(beat, sums, gauges);
    }

    fn hurry_all(&self) {
        for seat in &self.colors {
            seat.targets.iter().for_each(|target| target.hurry.notify_one());
            seat.names.iter().for_each(|name| name.hurry.notify_one());
        }
    }
}

// === impl ColorSeat ===

impl ColorSeat {
    /// Returns the sums of its targets, and of all that have left.
    fn target_sums(&self) -> impl Iterator<Item = TargetSum> {
        let gone = self.gone.as_deref().cloned();
        self.target_books().map(TargetSum::of).chain(gone)
    }

    /// Returns its leases at present.
    fn gauges(&self) -> Gauges {
        self.books.iter().fold(Gauges::default(), |sum, cell| Gauges {
            in_flight: sum.in_flight + cell.leases.value(),
            streams: sum.streams + cell.streams.value(),
        })
    }

    /// Continues the sums of the color that it takes the place of.
    fn succeed(&mut self, before: Self) {
        self.gone = before.gone;
        let left = before.targets.into_iter().map(|target| target.books);
        for books in before.departed.into_iter().chain(left) {
            self.remember(books);
        }
    }

    /// Keeps the counters of a target that has left.
    fn remember(&mut self, books: Arc<TargetBooks>) {
        if self.departed.len() >= DEPARTED
            && let Some(oldest) = self.departed.pop_front()
        {
            self.gone.get_or_insert_default().add(&TargetSum::of(&oldest));
        }
        self.departed.push_back(books);
    }

    /// Returns the counters of its targets, and of those that left last.
    fn target_books(&self) -> impl Iterator<Item = &TargetBooks> {
        let departed = self.departed.iter().map(|books| &**books);
        self.targets.iter().map(|target| &*target.books).chain(departed)
    }

    /// Returns the whole color as a subject to drain.
    fn leave(&self, spec: &ServiceSpec, color: Color) -> Subject {
        Subject {
            service: spec.name.clone(),
            color,
            target: None,
            of_name: false,
            id: self.id.into(),
            books: self.books.clone(),
            timeout: spec.policy.drain.timeout,
        }
    }

    /// Removes a target, which is to be drained; its probing ends.
    pub(super) fn depart(
        &mut self,
        target: TargetSeat,
        spec: &ServiceSpec,
        color: Color,
    ) -> Subject {
        self.remember(target.books.clone());
        target.hurry.notify_one();
        Subject {
            service: spec.name.clone(),
            color,
            target: Some(target.name()),
            of_name: false,
            id: target.id.into(),
            books: target.books,
            timeout: spec.policy.drain.timeout,
        }
    }
}

// === impl Subject ===

impl Subject {
    /// Returns the target's URL, for the log.
    pub(crate) fn target_url(&self) -> Option<impl tracing::Value> {
        self.target.as_ref().map(|target| tracing::field::display(&target.url))
    }

    /// Returns the target's address, for the log, if it is a single address.
    pub(crate) fn target_address(&self) -> Option<impl tracing::Value> {
        let target = self.target.as_ref()?;
        target.address.map(tracing::field::display)
    }
}
