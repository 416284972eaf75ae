//! The targets of a color, or the settings of those that a runner tells.

use rules::{ProxyHeader, Resolve, ServerName, TargetSettings, TargetTls, TargetUrl};

use super::{Context, path, text};
use crate::key::{At, Key};
use crate::problem::ProblemList;
use crate::raw;

/// The targets of a color; if a runner tells them, their settings instead.
pub(super) fn targets(
    key: &Key<raw::Environment>,
    color: &str,
    context: &Context<'_>,
    found: &mut ProblemList,
) -> (Vec<At<TargetUrl>>, Option<TargetSettings>) {
    let Some(environment) = key.get() else { return (Vec::new(), None) };
    let settings = settings(environment, color, context, found);
    let name = format!("{color}.targets");
    let list = match environment.targets.at() {
        None => return (Vec::new(), None),
        Some(At { value: raw::Targets::Word(word), offset }) => {
            if word != raw::Targets::RUNNER {
                let message = format!(
                    "{name} is text but must be a list, or \"runner\"; write targets = [{word:?}]"
                );
                found.at(*offset, message);
            }
            return (Vec::new(), Some(settings));
        }
        Some(At { value: raw::Targets::List(list), offset }) => {
            if list.is_empty() {
                found.at(*offset, format!("{name} is empty; write at least one http://HOST:PORT"));
            }
            list
        }
    };
    let mut targets: Vec<At<TargetUrl>> = Vec::new();
    for At { value, offset } in list {
        match TargetUrl::parse(value) {
            Ok(target) if targets.iter().any(|other| other.value.is_at(&target)) => {
                found.at(*offset, format!("{name} has {target} twice; leave one out"));
            }
            Ok(url) => targets.push(At { value: settings.apply(url), offset: *offset }),
            Err(message) => found.at(*offset, format!("{name}: {message}")),
        }
    }
    let all_known = targets.len() == list.len(); // an invalid one may have been meant as https
    if let Some(tls) = environment
        .tls
        .at()
        .filter(|_| all_known && targets.iter().all(|target| target.value.tls().is_none()))
    {
        found.at(
            tls.offset,
            format!("{color}.tls is for https://HOST:PORT targets, and there are none"),
        );
    }
    (targets, None)
}

/// The settings that all targets of a color have.
fn settings(
    environment: &raw::Environment,
    color: &str,
    context: &Context<'_>,
    found: &mut ProblemList,
) -> TargetSettings {
    let tls = environment.tls.at();
    let meant = tls.map(|tls| target_tls(&tls.value, &format!("{color}.tls"), context, found));
    let announce = environment.proxy_protocol.get().map(|version| match version {
        raw::ProxyHeader::V1 => ProxyHeader::V1,
        raw::ProxyHeader::V2 => ProxyHeader::V2,
    });
    let own_host = matches!(environment.host.get(), Some(raw::HostSent::Target));
    if let Some(At { offset, .. }) = environment.host.at().filter(|_| own_host)
        && meant.as_ref().is_some_and(|tls| tls.server_name == ServerName::Request)
    {
        let message =
            "is \"target\", but tls.server_name takes the host of each request; leave one out";
        found.at(*offset, format!("{color}.host {message}"));
    }
    let resolve = match environment.resolve.get() {
        Some(raw::Resolve::First) => Resolve::First,
        Some(raw::Resolve::All) | None => Resolve::All,
    };
    TargetSettings { tls: meant, announce, own_host, resolve }
}

/// Reports a color that is left to a runner without the other one, or without a runner.
pub(super) fn left_to_a_runner(service: &raw::Service, found: &mut ProblemList) {
    let told = |color: &Key<raw::Environment>| -> Option<usize> {
        let targets = &color.get()?.targets;
        Some(targets.at()?.offset).filter(|_| targets.is_runner())
    };
    let (blue, green) = (told(&service.blue), told(&service.green));
    let Some(offset) = blue.or(green) else { return };
    let word = raw::Targets::RUNNER;
    let color = if blue.is_some() { "blue" } else { "green" };
    if service.deploy.at().is_none() {
        let message = format!(
            "service.{color}.targets is {word:?}, and the service has no runner; write [service.deploy], or a list of addresses"
        );
        found.at(offset, message);
    }
    if blue.is_none() || green.is_none() {
        let (one, other) = if blue.is_some() { ("blue", "green") } else { ("green", "blue") };
        let message = format!(
            "service.{one}.targets is {word:?}, and those of {other} are listed; leave both to the runner, or none"
        );
        found.at(offset, message);
    }
}

fn target_tls(
    raw: &raw::TargetTls,
    name: &str,
    context: &Context<'_>,
    found: &mut ProblemList,
) -> TargetTls {
    let mut file = |key: &Key<String>, which: &str, example: &str| {
        let At { value, offset } = key.at()?;
        let path = path(value, &format!("{name}.{which}"), example, context);
        path.map_err(|message| found.at(*offset, message)).ok()
    };
    let ca = file(&raw.ca, "ca", "ca.pem");
    let (cert, key) = (file(&raw.cert, "cert", "teal.pem"), file(&raw.key, "key", "teal.key"));
    for (one, other, missing) in [(&raw.cert, &raw.key, "key"), (&raw.key, &raw.cert, "cert")] {
        if let (Some(At { offset, .. }), None) = (one.at(), other.at()) {
            found.at(*offset, format!("{name} needs {missing} too: a certificate and its key"));
        }
    }
    let server_name = raw.server_name.at().map(|At { value, offset }| {
        match (&**value, text::host_pattern(value)) {
            ("host", _) => ServerName::Request,
            (_, Ok(host)) if !host.starts_with('*') => ServerName::Fixed(host.into()),
            _ => {
                found.at(
                    *offset,
                    format!(
                        "{name}.server_name is {value:?}; write a name such as app.internal, or \
                         \"host\" for the host of each request"
                    ),
                );
                ServerName::Target
            }
        }
    });
    let server_name = server_name.unwrap_or_default();
    let only_http1 = raw.http2.get().is_some_and(|http2| !http2);
    TargetTls { server_name, ca, identity: cert.zip(key), only_http1 }
}
