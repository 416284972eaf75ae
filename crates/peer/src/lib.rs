//! What two Teals say to each other, so that one takes over from another that runs.
//!
//! The two talk over one Unix socket. First the older one describes what it has and the newer one
//! says whether it can take that ([`Offer`], [`Reply`], [`Taking`], with the descriptors of the
//! listening sockets and of the lock of the state directory). Then the newer one decides, and the
//! older one is one worker more of it until its last lease has ended: it takes over every table,
//! acknowledges it and tells what it counts (`ToOlder`, `ToNewer`).
//!
//! Guaranteed: at any time at most one of the two decides and writes the journal. The older one lays
//! the charge down before the newer one opens the journal, and takes it up again only when the
//! newer one is dead. What the newer one says is published is published in both (L2); what it says
//! is drained is drained in both (L4).
//!
//! Never here: deciding. What is handed over is decided in `control`; starting processes and the sockets of
//! clients are up to the binary.

#![forbid(unsafe_code)]

mod books;
mod describe;
mod host;
mod hosting;
mod link;
mod mirror;
mod negotiate;
mod process;
mod shape;
mod wire;

pub use books::Told;
pub use host::{Host, host};
pub use link::{
    Incoming, Link, Outgoing, give_up, receive, receive_descriptors, send, send_descriptors,
};
pub use mirror::{Identities, Known, KnownTarget, Mirror};
pub use negotiate::{Listening, Offer, PROTOCOL, Place, Reply, Taking, UpColor, UpTarget};
pub use wire::{BooksMessage, TableMessage, ToNewer, ToOlder};
