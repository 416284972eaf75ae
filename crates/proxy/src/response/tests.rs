//! The order in which an answer releases its resources.

use std::io::ErrorKind;
use std::net::TcpStream as StdStream;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use connect::Stream;
use rules::{Generation, Limits, ServiceName, ServiceSpec, TargetUrl};
use tokio::net::{TcpListener, TcpStream};
use traffic::{
    ColorBooks, ColorEntry, ColorId, DrainBooks, Draining, Leaving, Remaining, Routes, Service,
    ServiceBooks, Table, TargetBooks, TargetEntry, TargetId, table_channel,
};

use super::{Download, TargetResponse};
use crate::buffer::Buffer;
use crate::target_connections::connection::{Destination, Hold, TargetConnection};

/// Records the state of the color, and of the target's end of the connection, when the drain is first woken.
struct Witness {
    books: Arc<ColorBooks>,
    target: StdStream,
    seen: Mutex<Option<(Remaining, bool)>>,
}

impl Wake for Witness {
    fn wake(self: Arc<Self>) {
        let closed = match self.target.peek(&mut [0]) {
            Ok(count) => count == 0,
            Err(error) => error.kind() != ErrorKind::WouldBlock,
        };
        let first = (self.books.remaining(), closed);
        self.seen.lock().unwrap().get_or_insert(first);
    }
}

fn table(color: &Arc<ColorBooks>) -> Table {
    let url = TargetUrl::parse("http://127.0.0.1:1").unwrap();
    let name = ServiceName::new("web").unwrap();
    let spec = ServiceSpec::new(name, vec![url.clone()], vec![url.clone()]);
    let entry = |id| ColorEntry {
        id: ColorId(id),
        targets: vec![Arc::new(TargetEntry {
            id: TargetId(id),
            url: url.clone(),
            address: None,
            addresses: Vec::new(),
            moves: 0,
            usable: true,
            books: Arc::new(TargetBooks::new(1)),
        })],
        books: color.clone(),
    };
    let service = Service {
        generation: Generation(1),
        ..Service::new(spec.name.clone(), [entry(0), entry(1)], Arc::new(ServiceBooks::new(1)))
    };
    Table {
        services: vec![Arc::new(service)],
        routes: Routes::new([&spec]),
        ..Table::empty(Limits::default())
    }
}

#[test]
fn a_connection_to_a_retired_color_is_closed_before_its_lease_is_released() {
    // L4
    let books = Arc::new(ColorBooks::new(1));
    let (publisher, mut subscriptions) = table_channel(1, table(&books));
    let reader = subscriptions.pop().unwrap().into_reader();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let peer = listener.accept().await.unwrap().0.into_std().unwrap();
        let lease = reader.claim(0, &[], Instant::now()).unwrap();
        let hold = reader.hold_connection(&lease);
        let (stream, rx) = (Stream::new(stream).unwrap(), Buffer::default());
        let hold = Hold::Own(hold);
        let target = Destination::of(lease.target());
        let connection = TargetConnection { stream, hold, rx, target, idled: None, pinned: false };
        let download = &mut Download::new();
        let answer = TargetResponse { connection, lease, began: Instant::now(), download };

        let draining = vec![Draining {
            what: Leaving::Color(ColorId(0)),
            cut: false,
            close_within: Duration::ZERO,
        }];
        publisher.publish(Table { draining, ..table(&books) });
        reader.adopt().await;
        let seen = Mutex::default();
        let witness = Arc::new(Witness { books: books.clone(), target: peer, seen });
        let waker = Waker::from(witness.clone());
        let mut drained = pin!(publisher.drained(&*books));
        assert!(drained.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        drop(answer);
        let (left, closed) = witness.seen.lock().unwrap().take().unwrap();
        assert!(closed, "the connection was counted out while it was open");
        assert_eq!(left, Remaining { leases: 1, connections: 0 }, "the lease has to be the last");
        assert!(drained.poll(&mut Context::from_waker(&waker)).is_ready());
    });
}
