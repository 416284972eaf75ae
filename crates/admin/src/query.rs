//! The parameters of a call, from the query string: each known, and given at most once.
//!
//! A misspelled parameter must never be ignored: `dryrun=true` would switch. So unknown and
//! duplicate parameters are refused (400) with the names that are allowed. An invalid value is
//! described, not echoed, so that no response carries input of an unknown caller.

use std::marker::PhantomData;
use std::time::Duration;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header;
use axum::http::request::Parts;
use contract::Code;
use contract::duration;
use control::Scope;
use rules::near::distance;
use rules::{Generation, GroupName, ServiceName};

use crate::json_body;
use crate::problem::Problem;

/// The rule for a name.
const NAME: &str =
    "must be 1 to 63 of a-z, 0-9 and '-', beginning and ending with a letter or digit";

const NAMES: &str = "must be names separated by commas, each 1 to 63 of a-z, 0-9 and '-', beginning and \
                     ending with a letter or digit";

/// The set of parameters of a call.
pub(crate) trait Parameters: Sized {
    /// The names, in the order in which messages list them.
    const ALLOWED: &'static [&'static str];
    /// Reads the values.
    fn read(given: &RawParameters) -> Result<Self, Problem>;
}

/// The parameters of a call, checked.
#[derive(Debug)]
pub(crate) struct Query<P>(pub(crate) P);

/// The decoded parameters of a call; every name is allowed and occurs once.
#[derive(Debug)]
pub(crate) struct RawParameters(Vec<(&'static str, String)>);

/// Proof that the call has no body: parameters are only in the query string.
#[derive(Debug)]
pub(crate) struct NoBody(PhantomData<()>);

impl<P: Parameters, S: Send + Sync> FromRequestParts<S> for Query<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let given = RawParameters::parse(parts.uri.query().unwrap_or_default(), P::ALLOWED)?;
        P::read(&given).map(Self)
    }
}

impl Parameters for () {
    const ALLOWED: &'static [&'static str] = &[];
    fn read(_: &RawParameters) -> Result<Self, Problem> {
        Ok(())
    }
}

// === impl RawParameters ===

impl RawParameters {
    fn parse(query: &str, allowed: &'static [&'static str]) -> Result<Self, Problem> {
        let mut given: Vec<(&'static str, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let Some(known) = allowed.iter().find(|known| **known == name) else {
                return Err(unknown(&name, allowed));
            };
            if given.iter().any(|(before, _)| before == known) {
                let title = format!("Parameter {known} is given twice");
                return Err(Problem::new(Code::DuplicateParameter, title));
            }
            given.push((known, value.into_owned()));
        }
        Ok(Self(given))
    }

    /// The value of a parameter, as text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, _)| *given == name).map(|(_, value)| value.as_str())
    }

    /// A service by name.
    pub(crate) fn service(&self) -> Result<Option<ServiceName>, Problem> {
        let read = |text| ServiceName::new(text).map_err(|_| invalid("service", NAME));
        self.text("service").map(read).transpose()
    }

    /// Service names separated by commas; none: all services.
    pub(crate) fn services(&self) -> Result<Vec<ServiceName>, Problem> {
        let read = |text| ServiceName::new(text).map_err(|_| invalid("service", NAMES));
        self.text("service").into_iter().flat_map(|list| list.split(',')).map(read).collect()
    }

    /// A service or a group by name.
    pub(crate) fn scope(&self) -> Result<Scope, Problem> {
        let service = self.service()?;
        let Some(group) = self.text("group") else { return Ok(service.into()) };
        if service.is_some() {
            return Err(invalid("group", "cannot be combined with service: give only one of them"));
        }
        GroupName::new(group).map(Scope::Group).map_err(|_| invalid("group", NAME))
    }

    /// A duration.
    pub(crate) fn duration(&self, name: &str) -> Result<Option<Duration>, Problem> {
        let read = |text| duration::parse(text).map_err(|message| invalid(name, &message));
        self.text(name).map(read).transpose()
    }

    /// A boolean; false if absent.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.text(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(invalid(name, "must be true or false")),
        }
    }
}

/// A problem about an invalid value of a parameter.
pub(crate) fn invalid(name: &str, must: &str) -> Problem {
    Problem::new(Code::InvalidParameter, format!("Parameter {name} {must}")).with("parameter", name)
}

/// Parses an unsigned whole number.
pub(crate) fn whole(text: &str) -> Option<u64> {
    text.parse().ok().filter(|_| text.bytes().all(|c| c.is_ascii_digit()))
}

/// Returns the generation that the caller expects to be current: `If-Match: "7"`.
pub(crate) fn if_match(parts: &http::HeaderMap) -> Result<Option<Generation>, Problem> {
    let mut values = parts.get_all(header::IF_MATCH).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let digits = value.to_str().ok().and_then(|text| text.strip_prefix('"')?.strip_suffix('"'));
    match digits.and_then(whole) {
        Some(generation) if values.next().is_none() => Ok(Some(Generation(generation))),
        _ => Err(Problem::new(
            Code::InvalidParameter,
            "If-Match must be one generation in quotes, such as \"7\"",
        )
        .with("parameter", "If-Match")),
    }
}

fn unknown(name: &str, allowed: &[&str]) -> Problem {
    let title = if name.len() <= 40 && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
    {
        format!("Unknown parameter '{name}'")
    } else {
        "Unknown parameter".to_owned()
    };
    let near = allowed.iter().find(|known| name.len() <= 40 && distance(name, known) <= 2);
    let list = match (near, allowed) {
        (Some(near), _) => format!("Did you mean '{near}'? Allowed: {}", allowed.join(", ")),
        (None, []) => "This call takes no parameters".to_owned(),
        (None, _) => format!("Allowed: {}", allowed.join(", ")),
    };
    Problem::new(Code::UnknownParameter, title).because(list).with("allowed", allowed)
}

// === impl NoBody ===

impl<S: Send + Sync> FromRequest<S> for NoBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = json_body::read(request.into_body()).await?;
        if bytes.is_empty() {
            return Ok(Self(PhantomData));
        }
        Err(Problem::new(Code::UnexpectedBody, "This call takes no body")
            .because("Put parameters in the query string: /admin/switch?to=green"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_parameter_is_refused_with_the_right_name() {
        let allowed: &[&str] = &["to", "service", "dry_run"];
        let problem = RawParameters::parse("to=green&dryrun=true", allowed).expect_err("misspelt");
        assert!(format!("{problem:?}").contains("Did you mean 'dry_run'?"), "{problem:?}");
    }

    #[test]
    fn a_parameter_given_twice_is_refused() {
        let problem = RawParameters::parse("to=green&to=blue", &["to"]).expect_err("twice");
        assert!(format!("{problem:?}").contains("DuplicateParameter"), "{problem:?}");
    }
}
