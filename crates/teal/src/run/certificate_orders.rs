//! Certificates from an ACME CA, put into use: the parts of this process that the crate `acme` needs.

use std::convert::Infallible;
use std::time::SystemTime;

use acme::Context;
use certificate::Challenges;
use rules::Time;
use tokio::sync::oneshot;

use super::reload::InForce;
use super::tls;
use crate::exit::Failure;

/// Orders and renews until what it returns is dropped.
///
/// # Errors
/// The thread could not be started.
pub(super) fn start(
    in_force: &InForce,
    challenges: Challenges,
) -> Result<oneshot::Sender<Infallible>, Failure> {
    let (config, renew, show) = (in_force.clone(), in_force.clone(), in_force.clone());
    let context = Context {
        reloads: in_force.reloads.subscribe(),
        in_control: in_force.in_control.subscribe(),
        config: Box::new(move || config.config()),
        configured: |config| tls::load_configured(config).ok(),
        renew: Box::new(move || renew.renew()),
        show: Box::new(move |orders| {
            let orders = orders.into_iter().map(to_admin).collect();
            show.live.send_modify(|live| live.orders = orders);
        }),
        challenges,
    };
    acme::start(context)
        .map_err(|error| Failure::failed(format!("cannot start to order certificates: {error}")))
}

fn to_admin(order: acme::CertificateOrder) -> admin::CertificateOrder {
    let acme::CertificateOrder { name, problem, next } = order;
    admin::CertificateOrder { name, problem, next: next.map(time) }
}

fn time(at: SystemTime) -> Time {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Time(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
