//! SPINE: a connection, from accept to close.

use std::net::IpAddr;
use std::rc::Rc;

use connect::Stream;

use crate::client::Client;
use crate::http::{self, Next};
use crate::listener::Permit;
use crate::request::{self, After};
use crate::response::page;
use crate::worker::Worker;

/// Serves the requests of one connection, one after the other.
pub(crate) async fn serve(worker: Rc<Worker>, stream: Stream, peer: IpAddr, permit: Permit) {
    let _open = (worker.enter_connection(), permit);
    let mut client = Client::new(&worker, stream, peer);
    loop {
        let after = match http::next_head(&worker, &mut client).await {
            Next::Head(length) => request::serve(&worker, &mut client, length).await,
            Next::Reject(reject) => page::refuse(&worker, &mut client, reject).await,
            Next::TooLate => page::too_late(&worker, &mut client).await,
            Next::Gone => After::Drop,
        };
        match after {
            After::Next => {}
            After::Close => return http::goodbye(&worker, &mut client).await,
            After::Drop => return,
        }
    }
}
