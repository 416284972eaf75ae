//! Checks of the server names and Hosts of `https` targets that a strict target would refuse.

use config::{Config, KeyPositions, Problem};
use rules::{Color, ServiceSpec, TargetUrl};

use super::ProblemList;

/// Warns of services whose requests a strict target would answer 421: they have one server name, but
/// several Hosts.
pub(crate) fn examine_names(config: &Config, places: &KeyPositions) -> Vec<Problem> {
    let mut found = ProblemList::default();
    for (at, service) in config.services.iter().enumerate() {
        let Some(hosts) = several(service) else { continue };
        for (color, spec) in [Color::Blue, Color::Green].iter().zip(&service.colors) {
            let Some(target) = spec.targets.iter().find(|target| is_strict(target)) else {
                continue;
            };
            let name = target.tls_name().unwrap_or_default();
            let message = format!(
                "{target} gets the server name (SNI) {name} with every request, and Hosts of {hosts}; Apache \
                 (since 2.4.64), Caddy and other strict servers answer 421. Write {color}.tls.server_name = \
                 \"host\", or {color}.host = \"target\""
            );
            found.warn(&format!("service[{at}].{color}.targets"), message);
        }
    }
    places.problems(found.warnings)
}

/// The hosts of a service, in words, if it may have more than one.
fn several(service: &ServiceSpec) -> Option<String> {
    match &service.hosts[..] {
        [] => Some("any name".to_owned()),
        [only] => only.starts_with('*').then(|| only.clone()),
        hosts => Some(hosts.join(", ")),
    }
}

/// Returns true for a target that is asked for one name and sent the Host of each client.
fn is_strict(target: &TargetUrl) -> bool {
    target.tls().is_some() && !target.is_named_by_request() && target.own_host().is_none()
}
