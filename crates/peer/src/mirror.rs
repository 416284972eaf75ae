//! The table of an older Teal, built from the messages of the newer one in control.
//!
//! The two number colors and targets differently. Subjects in the first message are matched with those
//! of this Teal, by name, color and address; subjects that come later under a new number are new here,
//! too. So every drain of the newer Teal refers to the right leases here.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rules::{
    Color, ErrorPages, Generation, Network, Notice, ProxyHeader, Resolve, ServerName, ServiceName,
    TargetName, TargetTls, TargetUrl, Version,
};
use traffic::{
    ColorBooks, ColorEntry, ColorId, Draining, Held, Leaving, PreviewTerms, Route, Service,
    ServiceBooks, Table, TargetBooks, TargetEntry, TargetId,
};

use crate::wire::{
    ColorMessage, DrainingMessage, LeavingMessage, NoticeMessage, PreviewsMessage, ServiceMessage,
    TableMessage, TargetMessage, TlsMessage,
};

/// The meaning of the newer Teal's numbers here.
#[derive(Debug, Default)]
pub struct Mirror {
    services: HashMap<ServiceName, Arc<ServiceBooks>>,
    colors: HashMap<u32, (ColorId, Arc<ColorBooks>)>,
    targets: HashMap<u32, (TargetId, Arc<TargetBooks>)>,
    /// Colors and targets that were here and that the first message did not name: they drain until
    /// they end.
    left_out: Option<Vec<Draining>>,
    /// Drains in progress when the newer Teal took over.
    drains: Vec<Draining>,
    /// The targets among these whose color is known.
    gone: Vec<TargetId>,
    /// The table made for a previous newer Teal: it knows colors that are not configured here.
    before: Option<Arc<Table>>,
}

/// The identities and counters that this Teal gives to services, colors and targets.
pub trait Identities {
    /// Returns the counters of a service; new ones if it has none.
    fn service(&mut self, name: &ServiceName) -> Arc<ServiceBooks>;
    /// Creates a color that does not belong to a service yet.
    fn new_color(&mut self) -> (ColorId, Arc<ColorBooks>);
    /// Creates a target that does not belong to a color yet.
    fn new_target(&mut self) -> (TargetId, Arc<TargetBooks>);
    /// Returns a color as it is here; `None`: the service is not here.
    fn known(&self, name: &ServiceName, color: Color) -> Option<Known>;
    /// Returns all colors that are here.
    fn colors(&self) -> Vec<ColorId>;
    /// Returns the pages of a service, which messages lack; none if the service is not here.
    fn error_pages(&self, name: &ServiceName) -> ErrorPages;
}

/// A color that is here already.
#[derive(Debug)]
pub struct Known {
    /// Its identity.
    pub id: ColorId,
    /// Its books.
    pub books: Arc<ColorBooks>,
    /// Its targets.
    pub targets: Vec<KnownTarget>,
}

/// A target that is here already.
#[derive(Debug)]
pub struct KnownTarget {
    /// Its address.
    pub name: TargetName,
    /// Its identity.
    pub id: TargetId,
    /// Its books.
    pub books: Arc<TargetBooks>,
}

// === impl Mirror ===

impl Mirror {
    /// Creates the mirror of a first newer Teal, including the colors draining here: none of them is in the roster.
    // lossless: L4
    pub fn beside(drains: Vec<Draining>) -> Self {
        Self { drains, ..Self::default() }
    }

    /// Creates the mirror of a newer Teal other than the one for which this table was made.
    pub fn after(table: Arc<Table>) -> Self {
        Self { before: Some(table), ..Self::default() }
    }

    /// Builds the table that a message describes.
    ///
    /// # Errors
    /// Returns the problem with the message if it does not describe a table.
    pub fn table(
        &mut self,
        message: &TableMessage,
        here: &mut dyn Identities,
    ) -> Result<Table, String> {
        let services = message.services.iter().map(|service| self.service(service, here));
        let services = services.collect::<Result<Vec<_>, _>>()?;
        if self.left_out.is_none() {
            self.left_out = Some(self.not_named(here));
        }
        let draining = message.draining.iter().filter_map(|draining| self.draining(draining));
        let draining = draining.chain(self.left_out.iter().flatten().copied()).collect();
        let routes = message.routes.iter().map(|route| Route {
            host: route.host.clone(),
            prefix: route.prefix.clone(),
            place: route.place,
        });
        Ok(Table {
            generation: Generation(message.generation),
            limits: message.limits,
            services: services.into_iter().map(Arc::new).collect(),
            draining,
            routes: routes.collect(),
        })
    }

    /// Returns the counters of all services that were ever named.
    pub(crate) fn services(&self) -> impl Iterator<Item = (&ServiceName, &ServiceBooks)> {
        self.services.iter().map(|(name, books)| (name, &**books))
    }

    /// Returns the counters of all colors, by the newer Teal's numbers.
    pub(crate) fn colors(&self) -> impl Iterator<Item = (u32, &ColorBooks)> {
        self.colors.iter().map(|(number, (_, books))| (*number, &**books))
    }

    /// Returns the counters of all targets, by the newer Teal's numbers.
    pub(crate) fn targets(&self) -> impl Iterator<Item = (u32, &TargetBooks)> {
        self.targets.iter().map(|(number, (_, books))| (*number, &**books))
    }

    /// Returns the newer Teal's number of a target.
    pub fn number_of(&self, target: TargetId) -> Option<u32> {
        self.targets.iter().find(|(_, (id, _))| *id == target).map(|(number, _)| *number)
    }

    /// Returns true if the newer Teal has sent a table.
    pub fn has_table(&self) -> bool {
        self.left_out.is_some()
    }

    /// Returns the targets that the newer Teal has a number for: their counters are reported to it.
    pub fn reported(&self) -> HashSet<TargetId> {
        self.targets.values().map(|(id, _)| *id).collect()
    }

    fn service(
        &mut self,
        message: &ServiceMessage,
        here: &mut dyn Identities,
    ) -> Result<Service, String> {
        let name = ServiceName::new(&message.name).map_err(|error| error.to_string())?;
        let books = self.services.entry(name.clone()).or_insert_with(|| here.service(&name));
        let books = books.clone();
        let mut policy = message.policy.clone();
        let error_pages = here.error_pages(&name);
        if error_pages.directory.is_some() {
            Arc::make_mut(&mut policy).error_pages = error_pages;
        }
        let [blue, green] = &message.colors;
        let colors = [
            self.color(&name, Color::Blue, blue, here)?,
            self.color(&name, Color::Green, green, here)?,
        ];
        let maintenance = message.maintenance.as_ref().map(notice).transpose()?;
        let previews = message.previews.as_ref().map(preview_terms).transpose()?;
        Ok(Service {
            name,
            generation: Generation(message.generation),
            split: message.split,
            colors,
            path_prefix: message.path_prefix.as_str().into(),
            only_h2c: message.only_h2c,
            policy,
            held: message.held.map(|max_wait| Held { max_wait }),
            maintenance: maintenance.map(Arc::new),
            previews: previews.map(Arc::new),
            books,
        })
    }

    fn color(
        &mut self,
        name: &ServiceName,
        color: Color,
        message: &ColorMessage,
        here: &mut dyn Identities,
    ) -> Result<ColorEntry, String> {
        let read = |target: &TargetMessage| {
            let url = TargetUrl::parse(&target.url);
            let url = url.map_err(|error| format!("{}: {}", target.url, error.0))?;
            let url = url.with_announce(match target.announce {
                None => None,
                Some(1) => Some(ProxyHeader::V1),
                Some(_) => Some(ProxyHeader::V2),
            });
            let url = match &target.tls {
                Some(tls) => url.with_tls(understand(tls)),
                None => url,
            };
            let url = if target.own_host { url.with_own_host() } else { url };
            let first = if target.resolve_first { Resolve::First } else { Resolve::All };
            Ok::<_, String>(TargetName { url: url.with_resolve(first), address: target.address })
        };
        let names = message.targets.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        if !self.colors.contains_key(&message.id) {
            self.match_color(name, color, message, &names, here);
        }
        let (id, books) = self.colors[&message.id].clone();
        let targets =
            message.targets.iter().zip(names).map(|(target, TargetName { url, address })| {
                let known = self.targets.entry(target.id).or_insert_with(|| here.new_target());
                Arc::new(TargetEntry {
                    id: known.0,
                    url,
                    address,
                    addresses: target.addresses.clone(),
                    moves: target.moves,
                    usable: target.usable,
                    books: known.1.clone(),
                })
            });
        Ok(ColorEntry { id, targets: targets.collect(), books })
    }

    /// Finds the color here that matches a color not seen before: that of the roster, if this is the
    /// first message and they have a target in common; else a new one.
    fn match_color(
        &mut self,
        name: &ServiceName,
        color: Color,
        message: &ColorMessage,
        names: &[TargetName],
        here: &mut dyn Identities,
    ) {
        let known = self.known(name, color, here).filter(|_| self.left_out.is_none());
        // All addresses of a name may have changed meanwhile; the color is the same.
        let is_named = |url: &TargetUrl| names.iter().any(|name| name.url == *url);
        let same =
            known.filter(|known| known.targets.iter().any(|known| is_named(&known.name.url)));
        let Some(known) = same else {
            self.colors.insert(message.id, here.new_color());
            return;
        };
        self.colors.insert(message.id, (known.id, known.books));
        for (target, name) in message.targets.iter().zip(names) {
            if let Some(known) = known.targets.iter().find(|known| known.name == *name) {
                self.targets.insert(target.id, (known.id, known.books.clone()));
            }
        }
        let gone = known.targets.iter().filter(|known| !names.contains(&known.name));
        self.gone.extend(gone.map(|known| known.id));
    }

    /// Returns the color as this Teal knew it before the message.
    fn known(&self, name: &ServiceName, color: Color, here: &dyn Identities) -> Option<Known> {
        let Some(before) = &self.before else { return here.known(name, color) };
        let entry = before.services.iter().find(|service| service.name == *name)?.color(color);
        let targets = entry.targets.iter();
        let targets = targets.map(|entry| {
            let name = TargetName { url: entry.url.clone(), address: entry.address };
            KnownTarget { name, id: entry.id, books: entry.books.clone() }
        });
        Some(Known { id: entry.id, books: entry.books.clone(), targets: targets.collect() })
    }

    fn not_named(&self, here: &dyn Identities) -> Vec<Draining> {
        let named = |id: ColorId| self.colors.values().any(|(known, _)| *known == id);
        let close_within = rules::Drain::default().timeout / 2; // their setting is not known here any more
        let drain = |what: Leaving| Draining { what, cut: false, close_within };
        let targets = self.gone.iter().map(|id| drain((*id).into()));
        let Some(before) = &self.before else {
            let colors = here.colors().into_iter().filter(|id| !named(*id));
            let left = colors.map(|id| drain(id.into())).chain(targets);
            return left.chain(self.drains.iter().copied()).collect();
        };
        let colors = before.services.iter().flat_map(|service| &service.colors);
        let colors = colors.map(|color| color.id).filter(|id| !named(*id));
        let left = colors.map(|id| drain(id.into())).chain(targets);
        // Subjects that were already draining are not in any table's services any more.
        left.chain(before.draining.iter().copied()).collect()
    }

    fn draining(&self, message: &DrainingMessage) -> Option<Draining> {
        let what: Leaving = match message.what {
            LeavingMessage::Color(number) => self.colors.get(&number)?.0.into(),
            LeavingMessage::Target(number) => self.targets.get(&number)?.0.into(),
        };
        Some(Draining { what, cut: message.cut, close_within: message.close_within })
    }
}

/// Converts the answer to the clients of a service in maintenance.
fn notice(message: &NoticeMessage) -> Result<Notice, String> {
    let NoticeMessage { message, page, allow } = message;
    let allow = allow.iter().map(|network| Network::parse(network)).collect::<Result<_, _>>()?;
    Ok(Notice { message: message.clone(), page: page.as_deref().map(Arc::from), allow })
}

/// Converts the decisions about the previews of a service.
fn preview_terms(message: &PreviewsMessage) -> Result<PreviewTerms, String> {
    let version = |text: &Option<String>| {
        text.as_deref().map(Version::new).transpose().map_err(|e| e.to_string())
    };
    let [blue, green] = &message.versions;
    let versions = [version(blue)?, version(green)?];
    Ok(PreviewTerms { serial: message.serial, closed: message.closed, versions })
}

/// Converts the TLS settings of a target in a message.
fn understand(tls: &TlsMessage) -> TargetTls {
    let server_name = match &tls.server_name {
        _ if tls.named_by_request => ServerName::Request,
        Some(name) => ServerName::Fixed(name.as_str().into()),
        None => ServerName::Target,
    };
    let (ca, identity) = (tls.ca.clone(), tls.identity.clone());
    TargetTls { server_name, ca, identity, only_http1: tls.only_http1 }
}

#[cfg(test)]
mod tests;
