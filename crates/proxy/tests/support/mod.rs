//! A data plane with one service between a test and its targets, with the test as the
//! control plane.

#![allow(dead_code, reason = "each test binary uses its own part of it")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proxy::{AddressHistory, Followers, Options, Proxy, Sockets, TlsConfigCache};
use rules::{Color, Generation, Limits, ServiceName, ServiceSpec, Split, TargetUrl};
use testkit::{Client, Target, wait_until};
use traffic::{
    ColorBooks, ColorEntry, ColorId, ColorSum, Draining, Held, Publisher, Routes, Service,
    ServiceBooks, ServiceSum, Table, TargetBooks, TargetEntry, TargetId, TargetSum, table_channel,
};

pub(crate) const SOON: Duration = Duration::from_secs(10);

/// A running data plane.
pub(crate) struct Front {
    pub(crate) address: SocketAddr,
    pub(crate) publisher: Publisher,
    pub(crate) spec: ServiceSpec,
    pub(crate) limits: Limits,
    pub(crate) held: Option<Held>,
    proxy: Option<Proxy>,
    books: Arc<ServiceBooks>,
    colors: [Arc<ColorBooks>; 2],
    targets: Vec<(Color, SocketAddr, Arc<TargetBooks>)>,
    pub(crate) generation: u64,
}

impl Front {
    /// A data plane of two workers with blue active.
    pub(crate) fn start(blue: &[&Target], green: &[&Target]) -> Self {
        Self::start_with(blue, green, 2, |_, _| {})
    }

    pub(crate) fn start_with(
        blue: &[&Target],
        green: &[&Target],
        workers: usize,
        change: impl FnOnce(&mut ServiceSpec, &mut Limits),
    ) -> Self {
        let url = |target: &&Target| TargetUrl::parse(&target.url()).expect("a target's own URL");
        let name = ServiceName::new("web").expect("a plain name");
        let mut spec =
            ServiceSpec::new(name, blue.iter().map(url).collect(), green.iter().map(url).collect());
        let mut limits = Limits::default();
        change(&mut spec, &mut limits);
        let (publisher, subscriptions) = table_channel(workers, Table::empty(limits));
        let loopback = [SocketAddr::from(([127, 0, 0, 1], 0))];
        let sockets = Sockets::bind(&loopback, workers, &[]).expect("a free port");
        let options = Options {
            instance: "teal-test".to_owned(),
            connections: limits.connections,
            listeners: Vec::new(),
            access_log: None,
            tracer: None,
            followers: Followers::default(),
            tls_configs: TlsConfigCache::default(),
            history: AddressHistory::default(),
            challenges: proxy::Challenges::default(),
            preview_key: proxy::PreviewKeyCell::default(),
        };
        let proxy = Proxy::start(sockets, subscriptions, &options).expect("threads");
        let known = |color, targets: &[&Target]| -> Vec<_> {
            let books = || Arc::new(TargetBooks::new(workers));
            targets.iter().map(|target| (color, target.address(), books())).collect()
        };
        let mut targets = known(Color::Blue, blue);
        targets.extend(known(Color::Green, green));
        let mut front = Self {
            address: proxy.addresses()[0],
            publisher,
            spec,
            limits,
            held: None,
            proxy: Some(proxy),
            books: Arc::new(ServiceBooks::new(workers)),
            colors: [Arc::new(ColorBooks::new(workers)), Arc::new(ColorBooks::new(workers))],
            targets,
            generation: 0,
        };
        front.publish(Color::Blue, &[]);
        front
    }

    /// Publishes a table and waits until it is acknowledged.
    pub(crate) fn publish(&mut self, active: Color, draining: &[(Color, bool)]) {
        self.generation += 1;
        let id = |color: Color| ColorId(color.index() as u32);
        let entry = |color: Color| ColorEntry {
            id: id(color),
            targets: (0u32..)
                .zip(&self.targets)
                .filter(|(_, (of, ..))| *of == color)
                .map(|(n, (_, address, books))| {
                    let url = TargetUrl::parse(&format!("http://{address}")).expect("an address");
                    Arc::new(TargetEntry {
                        id: TargetId(n),
                        url,
                        address: None,
                        addresses: vec![*address],
                        moves: 0,
                        usable: true,
                        books: books.clone(),
                    })
                })
                .collect(),
            books: self.colors[color.index()].clone(),
        };
        let service = Service {
            generation: Generation(self.generation),
            split: Split::only(active),
            policy: self.spec.policy.clone(),
            held: self.held,
            ..Service::new(self.spec.name.clone(), Color::BOTH.map(entry), self.books.clone())
        };
        let draining = draining.iter().map(|(color, cut)| Draining {
            what: id(*color).into(),
            cut: *cut,
            close_within: Duration::ZERO,
        });
        let version = self.publisher.publish(Table {
            generation: Generation(self.generation),
            limits: self.limits,
            services: vec![Arc::new(service)],
            draining: draining.collect(),
            routes: Routes::new([&self.spec]),
        });
        wait_until(SOON, "all workers to acknowledge", || {
            self.publisher.silent(version).is_empty()
        });
    }

    /// From the next publish on, connects to the target at another address.
    pub(crate) fn repoint(&mut self, target: &Target, to: SocketAddr) {
        let known = self.targets.iter_mut().find(|(_, address, _)| *address == target.address());
        known.expect("a target of this front").1 = to;
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.address)
    }

    /// The books of the service.
    pub(crate) fn sum(&self) -> ServiceSum {
        ServiceSum::of(&self.books)
    }

    /// Returns how many workers have a waiting request.
    pub(crate) fn workers_waiting(&self) -> usize {
        self.books.iter().filter(|cell| cell.waiting.value() > 0).count()
    }

    /// Returns the books of requests that were not routed to a service.
    pub(crate) fn unrouted(&self) -> ServiceSum {
        ServiceSum::of(self.publisher.unrouted())
    }

    pub(crate) fn color(&self, color: Color) -> ColorSum {
        ColorSum::of(&self.colors[color.index()])
    }

    pub(crate) fn target(&self, target: &Target) -> TargetSum {
        let known = self.targets.iter().find(|(_, address, _)| *address == target.address());
        TargetSum::of(&known.expect("a target of this front").2)
    }

    /// Begins a graceful stop.
    pub(crate) fn leave(&self) {
        self.proxy.as_ref().expect("running").leave();
    }

    pub(crate) fn cut(&self) {
        self.proxy.as_ref().expect("running").cut();
    }

    /// Waits until the data plane has ended.
    pub(crate) fn ended(&mut self) {
        let mut proxy = self.proxy.take().expect("running");
        let began = Instant::now();
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(proxy.ended());
        assert!(began.elapsed() < SOON, "the data plane took {:?} to end", began.elapsed());
    }

    /// Checks at rest that every accepted request has ended in the books (L8).
    pub(crate) fn assert_books_balance(&self) {
        for sum in [&|| self.sum(), &|| self.unrouted()] as [&dyn Fn() -> ServiceSum; 2] {
            wait_until(SOON, "no request in flight", || sum().in_flight == 0);
            assert_eq!(sum().difference(), 0, "{:?}", sum());
        }
        for color in Color::BOTH {
            wait_until(SOON, "no lease left", || self.color(color).leases == 0);
        }
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        if let Some(proxy) = &self.proxy {
            proxy.cut();
        }
    }
}
