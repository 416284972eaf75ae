//! The admin API: its address, its tokens, its names.

use std::collections::HashMap;
use std::path::PathBuf;

use rules::{Role, Token};

use super::{ADMIN, Context, admin_address, path, text};
use crate::config::{Admin, Certificate};
use crate::key::{At, Key};
use crate::problem::ProblemList;
use crate::raw;

pub(super) fn admin(raw: &raw::Admin, context: &Context<'_>, found: &mut ProblemList) -> Admin {
    let tls = raw.tls.get().and_then(|tls| {
        let mut file = |key: &Key<String>, name: &str, example: &str| {
            let At { value, offset } = key.at()?;
            let path = path(value, name, example, context);
            path.map_err(|message| found.at(*offset, message)).ok()
        };
        let cert = file(&tls.cert, "admin.tls.cert", "/etc/teal/admin.pem");
        let key = file(&tls.key, "admin.tls.key", "/etc/teal/admin.key");
        Some(Certificate { cert: cert?, key: key? })
    });
    let mut listen = ADMIN;
    if let Some(At { value, offset }) = raw.listen.at() {
        match admin_address(value, raw.tls.get().is_some()) {
            Ok(address) => listen = address,
            Err(message) => found.at(*offset, format!("admin.listen: {message}")),
        }
    }
    let mut hosts = Vec::new();
    for At { value, offset } in raw.hosts.elements() {
        match text::host(value) {
            Ok(host) if hosts.contains(&host) => {
                found.at(*offset, format!("admin.hosts has {value:?} twice; leave one out"));
            }
            Ok(host) => hosts.push(host),
            Err(message) => found.at(*offset, format!("admin.hosts: {message}")),
        }
    }
    let mut socket_group = None;
    if let Some(At { value, offset }) = raw.socket_group.at() {
        match text::group(value) {
            Ok(group) => socket_group = Some(group),
            Err(message) => found.at(*offset, format!("admin.socket_group: {message}")),
        }
    }
    let tokens = tokens(raw.tokens.elements(), found);
    // The socket depends on the state directory, which is checked later.
    Admin { listen, socket: PathBuf::new(), tls, tokens, hosts, socket_group }
}

fn tokens(written: &[At<raw::Token>], found: &mut ProblemList) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut holders: HashMap<[u8; 32], String> = HashMap::new();
    for At { value: raw, .. } in written {
        let name = raw.name.at().and_then(|At { value, offset }| match text::token_name(value) {
            Ok(name) if tokens.iter().any(|token| token.name == name) => {
                let message = format!("admin.tokens has the name {name:?} twice");
                found.at(*offset, format!("{message}; receipts could not tell them apart"));
                None
            }
            Ok(name) => Some(name),
            Err(message) => {
                found.at(*offset, format!("admin.tokens.name: {message}"));
                None
            }
        });
        let sha256 = raw.sha256.at().and_then(|At { value, offset }| match text::sha256(value) {
            Ok(hash) => Some((hash, *offset)),
            Err(message) => {
                found.at(*offset, format!("admin.tokens.sha256: {message}"));
                None
            }
        });
        let role = raw.role.get().map(|role| match role {
            raw::Role::Viewer => Role::Viewer,
            raw::Role::Deployer => Role::Deployer,
            raw::Role::Operator => Role::Operator,
        });
        let (Some(name), Some((sha256, offset)), Some(role)) = (name, sha256, role) else {
            continue;
        };
        if let Some(other) = holders.insert(sha256, name.clone()) {
            let message = format!("the tokens of {other:?} and {name:?} are the same");
            found.at(offset, format!("admin.tokens.sha256: {message}; make one for each"));
        }
        tokens.push(Token { name, role, sha256 });
    }
    tokens
}
