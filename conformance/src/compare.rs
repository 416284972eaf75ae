//! Compares a client's observations directly at the target and through Teal.
//!
//! Hop-by-hop fields, and those that Teal adds on purpose, are not compared. All others are: names,
//! values, order among equals, and count.

use serde_json::Value;

use crate::clients::Way;

/// Fields of an answer that are hop-by-hop or depend on the time, and those that Teal adds.
const HOP: [&str; 10] = [
    "date",
    "via",
    "connection",
    "keep-alive",
    "transfer-encoding",
    "proxy-status",
    "upgrade",
    "alt-svc",
    "sec-websocket-accept",
    "x-request-id",
];

/// Fields of a request that are hop-by-hop, and those that Teal adds.
const HOP_OF_REQUEST: [&str; 15] = [
    "via",
    "connection",
    "keep-alive",
    "transfer-encoding",
    "te",
    "upgrade",
    "http2-settings",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-real-ip",
    "x-request-id",
    "traceparent",
];

/// Fields that clients themselves send differently over TLS or HTTP/2.
const CLIENT_OVER_TLS: [&str; 11] = [
    "priority",
    "user-agent",
    "accept-encoding",
    "content-length",
    "origin",
    "referer",
    "upgrade-insecure-requests",
    "sec-ch-ua",
    "sec-ch-ua-mobile",
    "sec-ch-ua-platform",
    "sec-fetch-dest",
];

/// One difference between two runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// The step, from 1; none: the run as a whole.
    pub(crate) step: Option<usize>,
    pub(crate) what: String,
    /// The client's error message, or the text of Teal's own answer.
    pub(crate) detail: String,
}

/// The differences between the steps of a direct run and those of one through Teal.
pub(crate) fn differences(
    direct: &[Value],
    through: &[Value],
    way: Way,
    request: bool,
) -> Vec<Found> {
    let mut found = Vec::new();
    if direct.len() != through.len() {
        let what = format!("{} results instead of {}", through.len(), direct.len());
        let detail = through.iter().map(detail).find(|one| !one.is_empty()).unwrap_or_default();
        found.push(Found { step: None, what, detail });
    }
    for (index, (direct, through)) in direct.iter().zip(through).enumerate() {
        let words = [detail(through), detail(direct)];
        let detail = words.into_iter().find(|one| !one.is_empty()).unwrap_or_default();
        found.extend(step_differences(direct, through, way, request).map(|what| Found {
            step: Some(index + 1),
            what,
            detail: detail.clone(),
        }));
    }
    found
}

/// A client's error message, or the text of Teal's own answer.
pub(crate) fn detail(step: &Value) -> String {
    let proxy_status = || {
        let fields = step["fields"].as_array()?;
        let field = fields.iter().find(|pair| pair[0] == "proxy-status")?;
        field[1].as_str()
    };
    let words = step["detail"].as_str().or_else(proxy_status).unwrap_or_default();
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn step_differences<'a>(
    direct: &'a Value,
    through: &'a Value,
    way: Way,
    request: bool,
) -> Box<dyn Iterator<Item = String> + 'a> {
    let (one, other) = (outcome(direct), outcome(through));
    if one != other {
        return Box::new(std::iter::once(format!("{other} instead of {one}")));
    }
    let mut found = Vec::new();
    if request {
        let (one, other) = (received(direct, way), received(through, way));
        found.extend(lists(&one, &other).map(|one| format!("request {one}")));
    } else {
        for key in ["sha256", "text"] {
            if direct[key] != through[key] {
                found.push(format!("{key} {} instead of {}", through[key], direct[key]));
                break;
            }
        }
        if direct["length"] != through["length"] {
            found.push(format!("a body of {} instead of {}", through["length"], direct["length"]));
        }
    }
    found.extend(lists(&kept(&direct["fields"], request), &kept(&through["fields"], request)));
    // An answer of gRPC that ends with its head has the fields of that head for trailers.
    let (one, other) = (kept(&direct["trailers"], request), kept(&through["trailers"], request));
    found.extend(lists(&one, &other).map(|one| format!("trailer {one}")));
    Box::new(found.into_iter())
}

/// A status or the kind of an error.
fn outcome(step: &Value) -> String {
    match (&step["error"], &step["status"]) {
        (Value::String(error), _) => format!("error {error}"),
        (_, Value::String(status)) => status.clone(),
        (_, status) => status.to_string(),
    }
}

/// Items that only one of two lists has, or has more of.
fn lists(one: &[String], other: &[String]) -> impl Iterator<Item = String> {
    let short = |text: &String| text.chars().take(120).collect::<String>();
    let lacks = surplus(one, other).into_iter().map(move |item| format!("lacks {}", short(item)));
    let has = surplus(other, one).into_iter().map(move |item| format!("has {}", short(item)));
    lacks.chain(has)
}

/// Items left in the first list after removing one equal item for each item of the second.
fn surplus<'a>(first: &'a [String], second: &[String]) -> Vec<&'a String> {
    let mut left: Vec<&String> = second.iter().collect();
    let mut surplus: Vec<&String> = first.iter().collect();
    surplus.retain(|item| match left.iter().position(|other| other == item) {
        Some(at) => {
            left.swap_remove(at);
            false
        }
        None => true,
    });
    surplus
}

/// The fields of an answer that are compared, as lines.
fn kept(list: &Value, request: bool) -> Vec<String> {
    // The length of a body that describes the request depends on the fields that Teal adds.
    let dropped = |name: &str| HOP.contains(&name) || (request && name == "content-length");
    let pairs = pairs(list);
    pairs.into_iter().filter(|pair| !dropped(pair.split(": ").next().unwrap_or_default())).collect()
}

/// The fields that the target reports as received, and the query.
fn received(step: &Value, way: Way) -> Vec<String> {
    let said: Value =
        serde_json::from_str(step["text"].as_str().unwrap_or_default()).unwrap_or_default();
    let client = |name: &str| {
        way != Way::Http1 && (CLIENT_OVER_TLS.contains(&name) || name.starts_with("sec-"))
    };
    let dropped = |name: &str| HOP_OF_REQUEST.contains(&name) || client(name);
    let mut lines: Vec<String> = pairs(&said["fields"])
        .into_iter()
        .filter(|pair| !dropped(pair.split(": ").next().unwrap_or_default()))
        .collect();
    lines.push(format!("query {}", said["query"]));
    lines
}

/// Pairs as lines, sorted by name, equal names in their order; ports are removed.
fn pairs(list: &Value) -> Vec<String> {
    let list = list.as_array().map_or(&[][..], Vec::as_slice);
    let mut lines: Vec<(String, String)> = list
        .iter()
        .map(|pair| {
            let text = |index: usize| pair[index].as_str().unwrap_or_default();
            (text(0).to_lowercase(), without_port(text(1)))
        })
        .collect();
    lines.sort_by(|one, other| one.0.cmp(&other.0));
    lines.into_iter().map(|(name, value)| format!("{name}: {value}")).collect()
}

/// `localhost:1234` becomes `localhost`, and `https` before it `http`.
fn without_port(value: &str) -> String {
    let Some((before, after)) = value.split_once("localhost:") else { return value.to_owned() };
    let after = after.trim_start_matches(|c: char| c.is_ascii_digit());
    format!("{}localhost{after}", before.replace("https://", "http://"))
}

#[cfg(test)]
mod tests {
    use std::slice;

    use serde_json::json;

    use super::*;

    fn of(fields: &Value) -> Value {
        json!({ "status": 200, "fields": fields, "length": 2, "sha256": "a", "text": "ok" })
    }

    fn found(direct: &Value, through: &Value) -> Vec<String> {
        let (direct, through) = (slice::from_ref(direct), slice::from_ref(through));
        let found = differences(direct, through, Way::Http1, false).into_iter();
        found.map(|one| format!("{:?}: {}", one.step, one.what)).collect()
    }

    #[test]
    fn hop_by_hop_fields_are_not_a_difference_and_all_else_is() {
        let direct = of(&json!([["Connection", "keep-alive"], ["X-A", "1"], ["X-A", "2"]]));
        assert!(
            found(&direct, &of(&json!([["x-a", "1"], ["x-a", "2"], ["Via", "1.1"]]))).is_empty()
        );
        let lost = found(&direct, &of(&json!([["x-a", "1"]])));
        assert_eq!(lost, ["Some(1): lacks x-a: 2"]);
        let doubled = found(&direct, &of(&json!([["x-a", "1"], ["x-a", "2"], ["x-a", "2"]])));
        assert_eq!(doubled, ["Some(1): has x-a: 2"]);
    }

    #[test]
    fn another_status_an_error_and_another_body_are_differences() {
        let direct = of(&json!([]));
        let mut other = direct.clone();
        other["sha256"] = json!("b");
        assert_eq!(found(&direct, &other), [r#"Some(1): sha256 "b" instead of "a""#]);
        let error = json!({ "error": "reset" });
        assert_eq!(found(&direct, &error), ["Some(1): error reset instead of 200"]);
        let missing = differences(&[direct], &[], Way::Http1, false);
        assert_eq!((missing[0].step, &*missing[0].what), (None, "0 results instead of 1"));
    }

    #[test]
    fn a_difference_has_the_words_of_its_own_step() {
        let error = |words: &str| json!({ "error": "reset", "detail": words });
        let own = of(&json!([["proxy-status", "teal; error=x"]]));
        let direct = [of(&json!([])), error("a  b"), error("c")];
        let found = differences(&direct, &[error("d"), own.clone(), own], Way::Http1, false);
        let words: Vec<&str> = found.iter().map(|one| &*one.detail).collect();
        assert_eq!(words, ["d", "teal; error=x", "teal; error=x"]);
        let found = differences(&direct[1..2], &[of(&json!([]))], Way::Http1, false);
        assert_eq!(found[0].detail, "a b", "at the target itself");
    }
}
