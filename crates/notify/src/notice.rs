//! A notice: something that happened, before it is a message.

use rules::{NotifiedEvent, Time};

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// The kind of event.
    pub event: NotifiedEvent,
    /// The time.
    pub at: Time,
    /// One sentence for a person.
    pub text: String,
    /// The data of the event: an object without secrets.
    pub data: serde_json::Value,
    /// The identity of a decision, the same whoever reports it and however often; `None`: it is reported only once.
    pub key: Option<String>,
}

/// The events of a Teal.
pub trait Source: Send + 'static {
    /// Waits for the next notice. A call that is dropped before it is ready loses nothing.
    fn next(&mut self) -> impl Future<Output = Notice> + Send;

    /// Yields the decisions of the journal again, in case some were missed: another Teal was in control meanwhile.
    fn recover(&mut self);
}
