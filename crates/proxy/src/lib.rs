//! The life of a request.
//!
//! 1. `listener` takes a connection: one listening socket per worker, never more connections
//!    than there are descriptors for.
//!    `tls` shakes hands where the listener asks for it.
//! 2. `http` finds the next request head in it, with a deadline for every wait. A connection of
//!    HTTP/2 is taken apart by `http2`, and each of its streams goes the same way.
//! 3. `route` understands the head and finds the service: what can't be understood in exactly
//!    one way ends here.
//! 4. `pick` waits while the service is held, then takes a lease: color and target.
//! 5. `upstream` reaches the target, sends the request, and decides whether a failed one may
//!    be sent again.
//! 6. `response` relays the answer, or makes one of our own.
//! 7. `observe` closes the books of the request.
//!
//! `connection` and `request` are the spines that walk these steps; `worker` is one thread
//! with everything that its requests share. Workers share nothing among each other but what
//! the control plane publishes through [`traffic`].
//!
//! What this crate never does: know of the control plane, choose a color by itself, forward
//! bytes that it has not understood, or wait without a deadline.

#![forbid(unsafe_code)]

mod connection;
mod request;

mod http;
mod http2;
mod listener;
mod observe;
mod origin;
mod pick;
mod response;
mod route;
mod splice;
mod tls;
mod upstream;

mod base64;
mod boundary;
mod buffer;
mod client;
mod date;
mod deadline;
mod ends;
mod failure;
mod frame;
mod held;
mod proxy;
mod pump;
mod stop;
mod websocket;
mod window;
mod worker;

pub use connect::{AddressHistory, Vault};
pub use listener::{
    BindError, Door, HandedOver, Sockets, can_bind, raise_descriptor_limit, takes_ipv4,
};
pub use observe::access::{AccessLog, Destination, Format, LogWriter};
pub use observe::trace::{NotTaken, SpanWriter, Tracer};
pub use proxy::{Options, Proxy, Pulse, StopReport};
pub use tls::{
    CertificateFacts, CertificateFiles, Certificates, Challenges, ClientAuth, ClientCas, Shelf,
    TlsDoor, Unused, validity,
};
