//! One worker of the real data plane between a scripted client and a scripted target.
//!
//! Client and target are one thread that takes their steps in turn and waits for each, so that
//! every run is the same.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use proxy::{AddressHistory, Followers, Options, Proxy, Sockets, TlsConfigCache};
use rules::{Color, Generation, Limits, ServiceName, ServiceSpec, TargetUrl};
use traffic::{
    ColorBooks, ColorEntry, ColorId, Publisher, Routes, Service, ServiceBooks, Table, TargetBooks,
    TargetEntry, TargetId, table_channel,
};

use crate::case::{ANSWER_END, Case};

const WORKERS: usize = 1;

/// The time limit of a step, even at callgrind's pace.
const PATIENCE: Duration = Duration::from_secs(30);

/// The time for which the target connection idles once, before counting begins.
const LESSON: Duration = Duration::from_secs(2);

/// A running data plane and the target behind it.
pub(crate) struct Front {
    proxy: Proxy,
    target: TcpListener,
    _publisher: Publisher,
}

impl Front {
    pub(crate) fn start() -> Result<Self> {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let target = TcpListener::bind(loopback)?;
        let limits = Limits::default();
        let (publisher, subscriptions) = table_channel(WORKERS, Table::empty(limits));
        let sockets = Sockets::bind(&[loopback], WORKERS, &[])?;
        let instance = "count".to_owned();
        let options = Options {
            instance,
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
        let proxy = Proxy::start(sockets, subscriptions, &options)?;
        let version = publisher.publish(table(target.local_addr()?, limits)?);
        while !publisher.silent(version).is_empty() {
            thread::sleep(Duration::from_millis(1));
        }
        Ok(Self { proxy, target, _publisher: publisher })
    }

    /// Sends this many requests over one connection, one after the other.
    pub(crate) fn send(&self, case: Case, requests: u64) -> Result<()> {
        let address = self.proxy.addresses().first().context("no address")?;
        let mut buffer = vec![0; 32 * 1024]; // allocated once: clearing it costs more than a request
        let mut client = TcpStream::connect(address)?;
        client.set_read_timeout(Some(PATIENCE))?;
        client.write_all(&Case::Get64.request())?;
        let (mut target, _) = self.target.accept()?;
        target.set_read_timeout(Some(PATIENCE))?;
        answer(Case::Get64, &Case::Get64.answer(), &mut client, &mut target, &mut buffer)?;
        // Teal sends non-idempotent requests only on a target connection that is known to survive some
        // idling; without this each slow step would open a new one.
        thread::sleep(LESSON);
        client.write_all(&Case::Get64.request())?;
        answer(Case::Get64, &Case::Get64.answer(), &mut client, &mut target, &mut buffer)?;
        let (request, response) = (case.request(), case.answer());
        for _ in 0..requests {
            client.write_all(&request)?;
            answer(case, &response, &mut client, &mut target, &mut buffer)?;
        }
        Ok(())
    }
}

/// The steps after the client has sent its request.
fn answer(
    case: Case,
    response: &[u8],
    client: &mut TcpStream,
    target: &mut TcpStream,
    buffer: &mut [u8],
) -> Result<()> {
    receive(target, buffer, case.request_end())?;
    target.write_all(response)?;
    receive(client, buffer, ANSWER_END)
}

/// Reads until the received bytes end in `end`: whole messages, because the script sends one at a time.
fn receive(stream: &mut TcpStream, buffer: &mut [u8], end: &[u8]) -> Result<()> {
    let mut filled = 0;
    loop {
        let free = buffer.get_mut(filled..).context("a message larger than the script's")?;
        match stream.read(free)? {
            0 => bail!("the connection ended during a message"),
            count => filled += count,
        }
        if buffer.get(..filled).is_some_and(|message| message.ends_with(end)) {
            return Ok(());
        }
    }
}

/// One service with one target on each color.
fn table(target: SocketAddr, limits: Limits) -> Result<Table> {
    let url = TargetUrl::parse(&format!("http://{target}")).ok().context("no target")?;
    let name = ServiceName::new("web").ok().context("no name")?;
    let spec = ServiceSpec::new(name, vec![url.clone()], vec![url.clone()]);
    let color = |color: Color| ColorEntry {
        id: ColorId(color.index() as u32),
        targets: vec![Arc::new(TargetEntry {
            id: TargetId(color.index() as u32),
            url: url.clone(),
            address: Some(target),
            addresses: vec![target],
            moves: 0,
            usable: true,
            books: Arc::new(TargetBooks::new(WORKERS)),
        })],
        books: Arc::new(ColorBooks::new(WORKERS)),
    };
    let books = Arc::new(ServiceBooks::new(WORKERS));
    let service = Service {
        generation: Generation(1),
        ..Service::new(spec.name.clone(), Color::BOTH.map(color), books)
    };
    Ok(Table {
        generation: Generation(1),
        limits,
        services: vec![Arc::new(service)],
        draining: Vec::new(),
        routes: Routes::new([&spec]),
    })
}
