//! Authentication and authorization of callers.
//!
//! A call that changes something needs a token with the role operator, or must come over the
//! Unix socket from Teal's user, root or a member of the socket group. A token with the role deployer suffices for
//! calls that move, hold and deploy. Reads are open on the
//! loopback interface, on the socket and on the metrics listener; from elsewhere they need a token of
//! any role. A token that is sent must be valid even where none is needed, except on the metrics listener.
//! Handlers take [`Operator`], [`Deployer`] or [`Viewer`] as an argument before their parameters, so parameters are
//! checked only for callers that are allowed.
//!
//! Never here: cookies, tokens in a URL, a token kept longer than its comparison.

use std::sync::{Arc, PoisonError};
use std::time::Instant;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use contract::Code;
use rules::{Actor, Role, Token};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::lockout::Source;
use crate::problem::Problem;
use crate::server::Peer;
use crate::settings::Api;

/// A caller that may make changes, with its name as in receipts.
#[derive(Debug)]
pub(crate) struct Operator(pub(crate) Actor);

/// A caller that may deploy, switch, hold and retire, with its name as in receipts.
#[derive(Debug)]
pub(crate) struct Deployer(pub(crate) Actor);

/// A caller that may read.
#[derive(Debug)]
pub(crate) struct Viewer {
    /// True if the caller is authenticated, by a token or by the socket.
    pub(crate) is_known: bool,
}

/// A caller that may read, with its name and its role.
#[derive(Debug)]
pub(crate) struct Caller {
    /// The name of the token, or the user id; `None`: neither was shown.
    pub(crate) name: Option<String>,
    /// The calls that it may make.
    pub(crate) role: Role,
}

impl FromRequestParts<Arc<Api>> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        allowed(parts, api, &[Role::Operator]).map(Self)
    }
}

impl FromRequestParts<Arc<Api>> for Deployer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        allowed(parts, api, &[Role::Operator, Role::Deployer]).map(Self)
    }
}

/// Returns a caller that has one of these roles. Over the socket it has all of them, or none.
fn allowed(parts: &Parts, api: &Api, roles: &[Role]) -> Result<Actor, Problem> {
    let peer = peer(parts)?;
    match (by_token(&parts.headers, peer, api)?, peer) {
        (Some((name, role)), _) if roles.contains(&role) => Ok(Actor::Token(name.into())),
        (Some((name, role)), _) => {
            let needed = roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(" or ");
            Err(forbidden().because(format!(
                "Token {name:?} has the role {}; this call needs the role {needed}",
                role.as_str()
            )))
        }
        (None, Peer::Unix { uid, operator: true }) => Ok(Actor::Uid(uid)),
        (None, Peer::Unix { uid, operator: false }) => Err(forbidden().because(format!(
            "User id {uid} is not Teal's user, root or a member of the socket group; use a token: Authorization: \
             Bearer TOKEN"
        ))),
        (None, Peer::Tcp(_) | Peer::Reader(_)) => Err(unauthenticated()),
    }
}

impl FromRequestParts<Arc<Api>> for Viewer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        let peer = peer(parts)?;
        if let Peer::Reader(_) = peer {
            return Ok(Self { is_known: false }); // tokens are ignored on the metrics listener
        }
        match (by_token(&parts.headers, peer, api)?, peer) {
            (Some(_), _) | (None, Peer::Unix { .. }) => Ok(Self { is_known: true }),
            (None, Peer::Tcp(address)) if address.ip().to_canonical().is_loopback() => {
                Ok(Self { is_known: false })
            }
            (None, Peer::Tcp(_) | Peer::Reader(_)) => Err(unauthenticated()),
        }
    }
}

impl FromRequestParts<Arc<Api>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        let peer = peer(parts)?;
        if let Some((name, role)) = by_token(&parts.headers, peer, api)? {
            return Ok(Self { name: Some(name), role });
        }
        match peer {
            Peer::Unix { uid, operator } => {
                let role = if operator { Role::Operator } else { Role::Viewer };
                Ok(Self { name: Some(format!("uid {uid}")), role })
            }
            Peer::Tcp(_) | Peer::Reader(_) => {
                Viewer::from_request_parts(parts, api).await?;
                Ok(Self { name: None, role: Role::Viewer })
            }
        }
    }
}

/// Returns the holder of the token in the call; `None` if it has no token.
fn by_token(headers: &HeaderMap, peer: Peer, api: &Api) -> Result<Option<(String, Role)>, Problem> {
    let mut shown = headers.get_all(AUTHORIZATION).iter();
    let Some(first) = shown.next() else { return Ok(None) };
    if first.as_bytes().eq_ignore_ascii_case(b"bearer") {
        return Ok(None); // an empty variable in the caller's script
    }
    let now = Instant::now();
    let source = source(peer);
    let single = shown.next().is_none();
    let token = first.as_bytes().split_at_checked(7);
    let token = token.filter(|(scheme, _)| single && scheme.eq_ignore_ascii_case(b"bearer "));
    let live = api.live.borrow();
    if let Some(token) = token.and_then(|(_, token)| holder(&live.tokens, token)) {
        return Ok(Some((token.name.clone(), token.role)));
    }
    // Only wrong tokens are limited: any local user can send those from this machine's addresses.
    let mut lockout = api.lockout.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(left) = lockout.remaining(source, now) {
        return Err(Problem::new(Code::LockedOut, "Too many wrong tokens from this address")
            .because("This token is invalid as well; a valid one is accepted at any time")
            .retry_after(left.as_secs() + 1));
    }
    if lockout.failed(source, now) {
        tracing::warn!(peer = %peer, "ten wrong tokens within a minute: further wrong tokens from this peer are answered 429");
    }
    Err(Problem::new(Code::InvalidToken, "Token is invalid")
        .because("Send it as Authorization: Bearer TOKEN; create a new one with: teal token new")
        .challenge("Bearer realm=\"teal\", error=\"invalid_token\""))
}

/// Finds the token in constant time: every hash is compared in full, whether or not one has
/// matched.
fn holder<'a>(tokens: &'a [Token], shown: &[u8]) -> Option<&'a Token> {
    let hash: [u8; 32] = Sha256::digest(shown).into();
    let mut found = u64::MAX;
    for (place, token) in (0u64..).zip(tokens) {
        let same: Choice = token.sha256.ct_eq(&hash);
        found.conditional_assign(&place, same);
    }
    tokens.get(usize::try_from(found).ok()?)
}

fn peer(parts: &Parts) -> Result<Peer, Problem> {
    parts.extensions.get::<Peer>().copied().ok_or_else(unauthenticated)
}

fn source(peer: Peer) -> Source {
    match peer {
        Peer::Tcp(address) | Peer::Reader(address) => Source::Address(address.ip().to_canonical()),
        Peer::Unix { uid, .. } => Source::Uid(uid),
    }
}

fn forbidden() -> Problem {
    Problem::new(Code::OperatorRequired, "Not allowed")
}

fn unauthenticated() -> Problem {
    Problem::new(Code::TokenRequired, "A token is required")
        .because("Send it as Authorization: Bearer TOKEN, or use the Unix socket of this Teal")
        .challenge("Bearer realm=\"teal\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::extract::Request;
    use axum::http::StatusCode;
    use tokio::sync::watch;

    use crate::form::Form;
    use crate::settings::{ApiSettings, Live, LogControl, PreviewSettings, TraceStarter};
    use control::Handle;

    fn token(name: &str, role: Role, secret: &str) -> Token {
        Token { name: name.to_owned(), role, sha256: Sha256::digest(secret).into() }
    }

    fn api() -> Arc<Api> {
        let tokens = vec![
            token("eyes", Role::Viewer, "viewer's"),
            token("ci", Role::Operator, "operator's"),
            token("cd", Role::Deployer, "deployer's"),
        ];
        let live = watch::Sender::new(Live { tokens, ..Live::default() });
        let settings = ApiSettings {
            version: "0",
            instance: String::new(),
            metrics: None,
            admin: ([127, 0, 0, 1], 9900).into(),
            socket: "admin.sock".into(),
            uid: 0,
            socket_gid: None,
            live: live.subscribe(),
            connections: 10_000,
            previews: PreviewSettings::default(),
            follow: TraceStarter(Arc::new(|_| None)),
            notify: notify::Handle::none(),
            log: LogControl { levels: || "info".to_owned(), change: |_| Ok(()) },
            console: &[],
            since: Instant::now(),
        };
        Arc::new(Api::new(Handle::pair().0, settings, watch::Sender::new(false).subscribe()))
    }

    /// A call from an address, with a token or without.
    fn call(from: &str, token: Option<&str>) -> Parts {
        let mut request = Request::builder().extension(Peer::Tcp(from.parse().expect("a peer")));
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        request.body(()).expect("a request").into_parts().0
    }

    async fn read(from: &str, token: Option<&str>) -> Result<Viewer, StatusCode> {
        let viewer = Viewer::from_request_parts(&mut call(from, token), &api()).await;
        viewer.map_err(|problem| problem.render(Form::Text).status())
    }

    // A5
    #[tokio::test]
    async fn reads_are_open_on_loopback_and_need_a_token_of_any_role_beyond_it() {
        for near in ["127.0.0.1:1", "127.8.9.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert!(read(near, None).await.is_ok(), "{near}");
            let wrong = read(near, Some("wrong")).await.err();
            assert_eq!(wrong, Some(StatusCode::UNAUTHORIZED), "{near}: a token must be right");
        }
        for far in ["192.0.2.1:1", "[2001:db8::1]:1", "[::ffff:192.0.2.1]:1", "0.0.0.0:1"] {
            for token in [None, Some(""), Some("wrong")] {
                let refused = read(far, token).await.err();
                assert_eq!(refused, Some(StatusCode::UNAUTHORIZED), "{far} {token:?}");
            }
            for token in ["viewer's", "deployer's", "operator's"] {
                assert!(read(far, Some(token)).await.is_ok(), "{far} {token}");
            }
        }
    }

    // A5
    #[tokio::test]
    async fn changes_need_an_operators_token_wherever_they_come_from() {
        for from in ["127.0.0.1:1", "192.0.2.1:1"] {
            for (token, status) in [
                (None, Some(StatusCode::UNAUTHORIZED)),
                (Some("viewer's"), Some(StatusCode::FORBIDDEN)),
                (Some("operator's"), None),
            ] {
                let operator = Operator::from_request_parts(&mut call(from, token), &api()).await;
                let refused = operator.err();
                let refused = refused.map(|p| p.render(Form::Text).status());
                assert_eq!(refused, status, "{from} {token:?}");
            }
        }
    }

    // A5
    #[tokio::test]
    async fn a_deployer_may_deploy_and_nothing_that_needs_an_operator() {
        let needs = |problem: Problem| format!("{problem:?}");
        let call_of = |token| call("127.0.0.1:1", Some(token));
        let deployer = Deployer::from_request_parts(&mut call_of("deployer's"), &api()).await;
        assert!(deployer.is_ok());
        assert!(Deployer::from_request_parts(&mut call_of("operator's"), &api()).await.is_ok());
        let refused = Deployer::from_request_parts(&mut call_of("viewer's"), &api()).await;
        let refused = needs(refused.expect_err("it only reads"));
        assert!(refused.contains("this call needs the role operator or deployer"), "{refused}");
        let refused = Operator::from_request_parts(&mut call_of("deployer's"), &api()).await;
        let refused = needs(refused.expect_err("it only deploys"));
        assert!(
            refused.contains("has the role deployer; this call needs the role operator"),
            "{refused}"
        );
    }

    // A5
    #[tokio::test]
    async fn r9_the_right_token_enters_however_many_wrong_ones_came_from_its_address() {
        let api = api();
        let mut refused = Vec::new();
        for _ in 0..12 {
            let mut guess = call("127.0.0.1:1", Some("wrong"));
            let wrong = Viewer::from_request_parts(&mut guess, &api).await;
            let problem = wrong.expect_err("it is wrong").render(Form::Text);
            refused
                .push((problem.status().as_u16(), problem.headers().contains_key("retry-after")));
        }
        assert_eq!(refused[..10], [(401, false); 10]);
        assert_eq!(refused[10..], [(429, true); 2]);
        let mut known = call("127.0.0.1:1", Some("operator's"));
        let right = Operator::from_request_parts(&mut known, &api).await;
        assert!(right.is_ok());
    }

    // A5
    #[test]
    fn failures_are_counted_by_address_whatever_its_port_and_form_and_by_user() {
        let by = |address: &str| source(Peer::Tcp(address.parse().expect("an address")));
        assert_eq!(by("192.0.2.1:1"), by("[::ffff:192.0.2.1]:2"));
        assert_ne!(by("192.0.2.1:1"), by("192.0.2.2:1"));
        let user = |uid| source(Peer::Unix { uid, operator: false });
        assert_eq!(user(7), user(7));
        assert_ne!(user(7), user(8));
    }

    // A5
    #[test]
    fn a_token_is_found_by_its_hash_alone() {
        let tokens = [token("one", Role::Viewer, "first"), token("two", Role::Viewer, "second")];
        let name = |shown: &str| holder(&tokens, shown.as_bytes()).map(|token| &*token.name);
        assert_eq!(name("first"), Some("one"));
        assert_eq!(name("second"), Some("two"));
        assert_eq!(name("secon"), None);
        assert_eq!(name(""), None);
        assert_eq!(holder(&[], b"first").map(|token| &*token.name), None);
    }
}
