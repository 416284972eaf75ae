//! Targets that make no sense: Teal itself, as far as that can be seen without resolving names, or the target of the
//! other color; and the words for them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::name::Color;
use crate::network::reaches;
use crate::target::TargetUrl;

/// Returns true if requests to a target would reach the listener at `own`.
pub fn leads_to(target: &TargetUrl, own: SocketAddr) -> bool {
    let Some((host, port)) = target.host_and_port() else { return false };
    let host = host.strip_suffix('.').unwrap_or(host);
    let ips: Vec<IpAddr> = if host == "localhost" || host.ends_with(".localhost") {
        vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
    } else {
        host.parse().into_iter().collect()
    };
    ips.into_iter().any(|ip| reaches(SocketAddr::new(ip, port), own))
}

/// Returns the words for a target that is a listener of Teal.
pub fn own_listener(target: &TargetUrl) -> String {
    format!(
        "{target} is Teal's own listener, so requests would loop; write the address of the application"
    )
}

/// Returns the words for a target that is the admin API of Teal.
pub fn own_admin(target: &TargetUrl) -> String {
    format!(
        "{target} is Teal's own admin API, which clients would reach through it; write the address of the \
         application"
    )
}

/// Returns the words for a target that the other color has, too.
pub fn shared_target(target: &TargetUrl, other: Color) -> String {
    format!(
        "{target} is also a target of {other}; a switch would change nothing, and stopping one color would stop both: \
         give each color its own address"
    )
}
