//! The life of a request.
//!
//! 1. `listener` takes a connection: one listening socket per worker, never more connections
//!    than there are descriptors for. `connection` lets its client in; `tls` shakes hands where
//!    the listener asks for it.
//! 2. `http` finds the next request head in it, with a deadline for every wait. A connection of
//!    HTTP/2 is taken apart into its streams (`http2`), and each of them goes the same way.
//! 3. `route` understands the head and finds the service: what can't be understood in exactly
//!    one way ends here.
//! 4. `pick` waits while the service is held, then takes a lease: color and target.
//! 5. `upstream` reaches the target, sends the request, and decides whether a failed one may
//!    be sent again. The connections that it takes are in `links`.
//! 6. `response` relays the answer, or makes one of our own.
//! 7. The end of a request closes its books (`parts`) and is told to whoever listens (`observe`).
//!
//! `thread` is one worker, `connection` and `request` are the spines that walk these steps. What the
//! steps hand on to each other is in `parts`; what all requests of a worker have in common is in
//! `worker`. The modules stand below in floors: none imports one of a floor above its own, so a step
//! knows no spine, and a worker no step. Workers share nothing among each other but what the control plane publishes
//! through [`traffic`].
//!
//! What this crate never does: know of the control plane, choose a color by itself, forward
//! bytes that it has not understood, or wait without a deadline.

#![forbid(unsafe_code)]

mod proxy;
mod thread;

mod connection;
mod listener;
mod request;

mod pick;
mod response;
mod route;
mod upstream;

mod ends;
mod http;
mod parts;
mod pump;

mod worker;

mod capacity;
mod carried;
mod client;
mod door;
mod http2;
mod line;
mod links;
mod observe;
mod retries;
mod tls;

mod base64;
mod boundary;
mod buffer;
mod date;
mod deadline;
mod failure;
mod frame;
mod held;
mod origin;
mod splice;
mod stop;
mod websocket;
mod window;

pub use certificate::Challenges;
pub use connect::{AddressHistory, Vault};
pub use door::Door;
pub use listener::{BindError, HandedOver, Sockets, can_bind, raise_descriptor_limit, takes_ipv4};
pub use observe::access::{AccessLog, Destination, Format, LogWriter};
pub use observe::follow::{Follower, Followers, Head, Step, Told, Wanted, Way};
pub use observe::trace::{NotTaken, SpanWriter, Tracer};
pub use proxy::{Options, Proxy, Pulse, StopReport};
pub use tls::TlsDoor;
