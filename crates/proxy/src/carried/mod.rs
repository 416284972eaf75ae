//! Requests that are one of many on a connection.

mod tasks;

pub(crate) use tasks::{OpenStream, Place, Streams, Tasks};
