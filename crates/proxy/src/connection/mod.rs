//! SPINE: a connection, from accept to close.

mod entry;
mod http2;
mod proxy_protocol;
mod streams;

use std::rc::Rc;
use std::time::Duration;

use connect::Stream;

use entry::let_in;

use crate::capacity::Permit;
use crate::carried::Protocol;
use crate::client::Client;
use crate::http::{self, FirstByte, Next, Unread};
use crate::listener_options::ListenerOptions;
use crate::parts::{After, Flows};
use crate::request;
use crate::response::page;
use crate::worker::{OpenConnection, Worker};

/// The time for which a connection stays ready for its next request before it counts as idle and its memory is
/// given back: a steady load allocates nothing, ten thousand idle connections hold nothing.
const READY: Duration = Duration::from_millis(100);

/// Serves one connection until it closes. The state of a request is boxed, since the memory of this future is
/// held for as long as the connection is open.
pub(crate) async fn serve(
    worker: Rc<Worker>,
    stream: Stream,
    listener: Rc<ListenerOptions>,
    _open: (OpenConnection, Permit),
) {
    let entering = Box::pin(let_in(&worker, stream, listener));
    let Some(mut client) = entering.await else { return };
    if client.info.protocol == Protocol::Http2 {
        return Box::pin(http2::serve(&worker, client, Vec::new())).await;
    }
    // A TLS session may hold bytes that came with its handshake, which only a read finds.
    let mut fresh = client.info.tls.is_some();
    // Without TLS an HTTP/2 client is recognized by its first bytes.
    let mut unknown = client.info.listener.http2 && !fresh;
    loop {
        let idle = worker.front().idle;
        let arrival = if std::mem::take(&mut fresh) {
            FirstByte::Arrived
        } else {
            http::first_byte(&worker, &mut client, idle).await
        };
        match arrival {
            FirstByte::Arrived if std::mem::take(&mut unknown) => {
                if let Some(early) = Box::pin(http2::begins(&worker, &mut client)).await {
                    return Box::pin(http2::serve(&worker, client, early)).await;
                }
            }
            FirstByte::Arrived => {}
            FirstByte::Quiet => {
                let goodbye = Box::pin(http::goodbye(&worker, &mut client, Unread::Nothing));
                return worker.in_turns(goodbye).await;
            }
            FirstByte::Gone => return,
        }
        let requests = Box::pin(serve_requests(&worker, &mut client));
        if worker.in_turns(requests).await != After::Next {
            return;
        }
    }
}

/// Serves request after request. [`After::Next`]: the connection is idle now.
async fn serve_requests(worker: &Rc<Worker>, client: &mut Client) -> After {
    let mut flows = Flows::new();
    loop {
        let patience = READY.min(worker.front().idle);
        match serve_next(worker, client, &mut flows, patience).await {
            Some(After::Next) => {}
            None => return After::Next,
            Some(After::Close(unread)) => {
                http::goodbye(worker, client, unread).await;
                return After::Drop;
            }
            Some(After::Drop) => return After::Drop,
        }
    }
}

/// Serves the next request; `None` if it does not begin within `patience`.
async fn serve_next(
    worker: &Rc<Worker>,
    client: &mut Client,
    flows: &mut Flows,
    patience: Duration,
) -> Option<After> {
    Some(match http::next_head(worker, client, patience).await {
        Next::Head(length) => request::serve(worker, client, flows, length).await,
        Next::Reject(reject) => page::refuse(worker, client, reject).await,
        Next::TooLate => page::too_late(worker, client).await,
        Next::Quiet => return None,
        Next::Gone => After::Drop,
    })
}

#[cfg(test)]
mod tests {
    use rules::Limits;
    use tokio::net::{TcpListener, TcpStream};
    use traffic::{Table, table_channel};

    use super::*;
    use crate::capacity::Capacity;

    #[test]
    fn a_connection_is_small_while_it_idles() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let stream = Stream::new(TcpStream::connect(address).await.unwrap()).unwrap();
            let (_publisher, mut subscriptions) = table_channel(1, Table::empty(Limits::default()));
            let reader = subscriptions.pop().unwrap().into_reader();
            let worker = Rc::new(Worker::alone(reader));
            let capacity = Capacity::new(1);
            let permit = capacity.permit().unwrap();
            let open = (worker.enter_connection(), permit);
            let serving = serve(worker, stream, Rc::default(), open);
            let bytes = size_of_val(&serving);
            assert!(bytes <= 512, "{bytes} bytes per connection");
        });
    }
}
