//! The body of a call: a JSON object of at most 64 KiB, every field of which is known.
//!
//! A misspelled field must never be ignored, so unknown ones are refused by name. Calls without a body refuse
//! one ([`crate::query::NoBody`]).

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use contract::Code;
use contract::wire::{DeployReport, DeployRequest, TargetsRequest};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use rules::near::distance;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::problem::Problem;

/// The maximum bytes of a body.
const BODY_MAX: usize = 64 << 10;
/// The time limit for a body to arrive.
// lossless: L10
const BODY_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest name of a field that a message repeats.
const NAME_MAX: usize = 40;

/// The JSON of a call, in which every field is optional.
pub(crate) trait Fields: DeserializeOwned {
    /// The names of its fields, in the order in which messages list them.
    const ALLOWED: &'static [&'static str];
}

/// The body of a call, checked.
#[derive(Debug)]
pub(crate) struct JsonBody<T>(pub(crate) T);

/// Reads a whole body, within its limits.
pub(crate) async fn read(body: Body) -> Result<Bytes, Problem> {
    let body = Limited::new(body, BODY_MAX).collect();
    match tokio::time::timeout(BODY_TIMEOUT, body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(Problem::new(Code::BodyTooLarge, "Body is larger than 64 KiB"))
        }
        Ok(Err(_)) | Err(_) => {
            Err(Problem::new(Code::BodyIncomplete, "Body did not arrive in time or was cut short"))
        }
    }
}

impl<T: Fields, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        parse(&read(request.into_body()).await?).map(Self)
    }
}

fn parse<T: Fields>(bytes: &[u8]) -> Result<T, Problem> {
    let error = match serde_json::from_slice(bytes) {
        Ok(Value::Object(fields)) => match known::<T>(fields) {
            Ok(()) => match serde_json::from_slice(bytes) {
                Ok(body) => return Ok(body),
                Err(error) => error.to_string(), // a field occurs twice
            },
            Err(problem) => return Err(problem),
        },
        Ok(_) => "it is not an object".to_owned(),
        Err(_) if bytes.is_empty() => "there is none".to_owned(),
        Err(error) => error.to_string(),
    };
    let fields = T::ALLOWED.join(", ");
    Err(Problem::new(Code::InvalidBody, "Body must be a JSON object")
        .because(format!("Problem: {error}"))
        .because(format!("Its fields, all optional: {fields}")))
}

/// Checks that every field is known and has a valid value.
fn known<T: Fields>(fields: Map<String, Value>) -> Result<(), Problem> {
    for (name, value) in fields {
        if !T::ALLOWED.contains(&&*name) {
            return Err(unknown(&name, T::ALLOWED));
        }
        let alone = Value::Object(Map::from_iter([(name.clone(), value)]));
        if let Err(error) = serde_json::from_value::<T>(alone) {
            return Err(invalid(&name, &error.to_string()));
        }
    }
    Ok(())
}

/// A problem about an invalid value of a field.
pub(crate) fn invalid(name: &str, why: &str) -> Problem {
    Problem::new(Code::InvalidBody, format!("Field {name} is invalid"))
        .because(format!("Problem: {why}"))
        .with("field", name)
}

fn unknown(name: &str, allowed: &'static [&'static str]) -> Problem {
    let is_word = name.len() <= NAME_MAX
        && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_' || c == b'-');
    let title =
        if is_word { format!("Unknown field '{name}'") } else { "Unknown field".to_owned() };
    let near = allowed.iter().find(|known| is_word && distance(name, known) <= 2);
    let list = allowed.join(", ");
    let list = match near {
        Some(near) => format!("Did you mean '{near}'? Allowed: {list}"),
        None => format!("Allowed: {list}"),
    };
    Problem::new(Code::UnknownField, title).because(list).with("allowed", allowed)
}

impl Fields for DeployRequest {
    const ALLOWED: &'static [&'static str] =
        &["service", "group", "version", "by", "reason", "supersede", "emergency", "sweep"];
}

impl Fields for DeployReport {
    const ALLOWED: &'static [&'static str] =
        &["claim", "take", "by", "step", "pause", "result", "detail", "keep_seconds", "dry_run"];
}

impl Fields for TargetsRequest {
    const ALLOWED: &'static [&'static str] = &["targets", "deploy", "claim"];
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str) -> String {
        format!("{:?}", parse::<DeployReport>(body.as_bytes()).expect_err(body))
    }

    #[test]
    fn a_body_with_anything_unknown_in_it_is_refused_by_name() {
        for (body, says) in [
            ("", "there is none"),
            ("[]", "it is not an object"),
            ("{\"claim\":1", "EOF"),
            ("{\"claim\":1} x", "trailing characters"),
            ("{\"clam\":1}", "Did you mean 'claim'?"),
            ("{\"force\":true}", "Allowed: claim, take"),
            ("{\"claim\":\"one\"}", "Field claim is invalid"),
            ("{\"claim\":-1}", "Field claim is invalid"),
            ("{\"step\":\"gait\"}", "unknown variant `gait`, expected one of"),
            ("{\"claim\":1,\"claim\":2}", "duplicate field `claim`"),
        ] {
            let problem = refused(body);
            assert!(problem.contains(says), "{body}: {problem}");
        }
        let body = parse::<DeployReport>(b"{\"claim\":2,\"step\":\"gate\"}").expect("it is valid");
        assert_eq!(
            (body.claim, body.step.map(contract::wire::DeployStep::as_str)),
            (2, Some("gate"))
        );
    }

    #[test]
    fn the_list_of_fields_is_that_of_the_type() {
        fn all<T: Fields + serde::Serialize + Default>() {
            for field in T::ALLOWED {
                assert!(
                    known::<T>(Map::from_iter([((*field).to_owned(), Value::Null)])).is_err()
                        || serde_json::from_value::<T>(serde_json::json!({ *field: null })).is_ok()
                );
            }
            let told = serde_json::to_value(T::default()).expect("it is JSON");
            for field in told.as_object().expect("an object").keys() {
                assert!(T::ALLOWED.contains(&&**field), "{field}");
            }
        }
        all::<DeployRequest>();
        all::<DeployReport>();
        all::<TargetsRequest>();
    }
}
