//! The protocol between two Teals by which one takes over from another that runs.
//!
//! The two talk over one Unix socket. First the older one describes its state and the newer one
//! answers whether it can take that over ([`Offer`], [`Reply`], [`Handover`], with the descriptors of the
//! listening sockets and of the lock of the state directory). Then the newer one is in control, and the
//! older one acts as one more worker of it until its last lease has ended: it applies every table,
//! acknowledges it and sends its counts (`ToOlder`, `ToNewer`).
//!
//! Guaranteed: at any time at most one of the two decides and writes the journal. The older one hands
//! over control before the newer one opens the journal, and takes it back only when the newer one is
//! dead. What the newer one reports as published is published in both (L2), and what it reports as
//! drained is drained in both (L4).
//!
//! Never here: decisions. `control` decides the contents of the hand-over; the binary starts processes and handles the
//! sockets of clients.

#![forbid(unsafe_code)]

mod books;
mod connection;
mod describe;
mod host;
mod mirror;
mod negotiate;
mod process;
mod series;
mod shape;
mod slot;
mod wire;

pub use books::SentCounts;
pub use connection::{
    Incoming, Outgoing, PeerConnection, give_up, receive, receive_descriptors, send,
    send_descriptors,
};
pub use host::{Host, host};
pub use mirror::{Identities, Known, KnownTarget, Mirror};
pub use negotiate::{
    Handover, ListenAddress, Offer, OfferedColor, OfferedListener, OfferedTarget, PROTOCOL, Reply,
};
pub use series::{
    POINT_VALUES, PointValues, SeriesColorCounts, SeriesCounts, SeriesMailbox, SeriesStart,
    SeriesUpdate, ServicePoints, ServiceStart,
};
pub use wire::{BooksMessage, TableMessage, ToNewer, ToOlder};
