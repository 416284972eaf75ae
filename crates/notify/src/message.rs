//! A message: a notice with its id, and the body that is sent.
//!
//! Guaranteed: a body depends on nothing but the message and the format, so that each try sends the same; it is bounded.

use config::NotifyFormat;
use contract::unit::rfc3339;
use rules::Time;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::notice::Notice;

/// The longest text, in bytes.
const TEXT_MAX: usize = 2000;

/// The largest data, in bytes of JSON.
const DATA_MAX: usize = 16 << 10;

/// A message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Message {
    /// The same in every try.
    pub(crate) id: String,
    /// Milliseconds since 1970.
    pub(crate) at: u64,
    /// The name of the event.
    pub(crate) event: String,
    pub(crate) text: String,
    pub(crate) data: Value,
}

impl Message {
    /// Makes the message of a notice.
    pub(crate) fn new(id: String, notice: Notice) -> Self {
        let Notice { event, at, mut text, mut data, .. } = notice;
        if text.len() > TEXT_MAX {
            let end = (0..=TEXT_MAX - 3).rev().find(|end| text.is_char_boundary(*end));
            text.truncate(end.unwrap_or_default());
            text.push('…');
        }
        if data.to_string().len() > DATA_MAX {
            data = json!({ "truncated": true });
        }
        Self { id, at: at.0, event: event.as_str().to_owned(), text, data }
    }

    /// A message that tests an endpoint.
    pub(crate) fn test(id: String, at: Time, endpoint: &str) -> Self {
        let text = format!("this is a test of the notifications of Teal to {endpoint}");
        Self { id, at: at.0, event: "test".to_owned(), text, data: json!({}) }
    }

    /// Returns the body to send; `machine`: the name of the sender.
    pub(crate) fn body(&self, format: NotifyFormat, machine: &str) -> Vec<u8> {
        let body = match format {
            NotifyFormat::Json => json!({
                "type": self.event,
                "timestamp": rfc3339(Time(self.at)),
                "machine": machine,
                "text": self.text,
                "data": self.data,
            }),
            NotifyFormat::Slack => json!({ "text": plain(&format!("{machine}: {}", self.text)) }),
        };
        body.to_string().into_bytes()
    }

    /// Returns about the number of bytes that it takes.
    pub(crate) fn size(&self) -> usize {
        self.id.len() + self.event.len() + self.text.len() + self.data.to_string().len() + 64
    }
}

/// Escapes what would be a link or a mention of everybody (Slack, "Formatting text").
fn plain(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rules::NotifiedEvent;

    fn notice(text: &str, data: Value) -> Notice {
        let (event, at) = (NotifiedEvent::Switch, Time(1_614_265_330_000));
        Notice { event, at, text: text.to_owned(), data, key: None }
    }

    fn sent(message: &Message, format: NotifyFormat) -> Value {
        serde_json::from_slice(&message.body(format, "web-1")).expect("JSON")
    }

    #[test]
    fn json_has_the_type_the_time_the_text_and_the_data() {
        let data = json!({ "service": "web" });
        let message = Message::new("msg_1".to_owned(), notice("switched", data.clone()));
        let expected = json!({
            "type": "switch", "timestamp": "2021-02-25T15:02:10.000Z", "machine": "web-1", "text": "switched",
            "data": data,
        });
        assert_eq!(sent(&message, NotifyFormat::Json), expected);
    }

    #[test]
    fn slack_gets_one_sentence_that_mentions_nobody() {
        let message = Message::new("msg_1".to_owned(), notice("a <!channel> & b", json!({})));
        let expected = json!({ "text": "web-1: a &lt;!channel&gt; &amp; b" });
        assert_eq!(sent(&message, NotifyFormat::Slack), expected);
    }

    #[test]
    fn a_message_is_bounded() {
        let huge = notice(&"ä".repeat(5000), json!({ "changes": "x".repeat(1 << 20) }));
        let message = Message::new("msg_1".to_owned(), huge);
        assert!(message.size() < 4096 && message.text.ends_with("ä…"));
        assert_eq!(message.data, json!({ "truncated": true }));
    }
}
