//! The life of a request.
//!
//! 1. `listener` accepts a connection: one listening socket per worker, never more connections
//!    than there are descriptors for. `connection` lets its client in; `tls` does the handshake
//!    where the listener asks for it.
//! 2. `http` finds the next request head in it, with a deadline for every wait. An HTTP/2
//!    connection is split into its streams (`http2`), and each of them goes the same way.
//! 3. `route` parses the head and finds the service: a head that can't be read in exactly one
//!    way is refused here.
//! 4. `pick` waits while the service is held, then takes a lease: color and target.
//! 5. `upstream` reaches the target, sends the request, and decides whether a failed one may
//!    be sent again. The connections that it uses are in `target_connections`.
//! 6. `response` relays the answer, or sends Teal's own.
//! 7. The end of a request is counted (`parts`) and reported (`observe`).
//!
//! `thread` is one worker, `connection` and `request` are the spines that walk these steps. What the
//! steps hand on to each other is in `parts`; what all requests of a worker share is in `worker`.
//! The modules are listed below in layers: none imports one of a layer above its own, so a step
//! knows no spine, and a worker no step. Workers share nothing but what the control plane publishes
//! through [`traffic`].
//!
//! Never here: knowledge of the control plane, a choice of color without it, forwarding bytes that
//! were not parsed, a wait without a deadline.

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

mod body_copy;
mod copy_ends;
mod http;
mod parts;

mod worker;

mod capacity;
mod carried;
mod client;
mod http2;
mod listener_options;
mod observe;
mod queue;
mod retries;
mod target_connections;
mod tls;

mod base64;
mod boundary;
mod buffer;
mod date;
mod deadline;
mod failure;
mod frame;
mod memory;
mod origin;
mod splice;
mod stop;
mod websocket;
mod window;

pub use ::preview::PreviewKeyCell;
pub use certificate::Challenges;
pub use connect::{AddressHistory, TlsConfigCache};
pub use listener::{BindError, HandedOver, Sockets, can_bind, raise_descriptor_limit, takes_ipv4};
pub use listener_options::ListenerOptions;
pub use observe::access::{AccessLog, Destination, Format, LogWriter};
pub use observe::follow::{
    ConnectionSource, FollowFilter, FollowedHead, FollowedStep, Follower, Followers, Step,
};
pub use observe::trace::{NotTaken, SpanWriter, Tracer};
pub use proxy::{Options, Proxy, Pulse, StopReport};
pub use tls::TlsAcceptor;
