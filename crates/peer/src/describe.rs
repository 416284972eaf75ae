//! The description of a table for the older Teal.

use rules::{Notice, ProxyHeader, Resolve, ServerName, TargetTls};
use traffic::{Leaving, PreviewTerms, Table};

use crate::wire::{
    ColorMessage, DrainingMessage, LeavingMessage, NoticeMessage, PreviewsMessage, RouteMessage,
    ServiceMessage, TableMessage, TargetMessage, TlsMessage,
};

/// Describes a table in the message with this number.
pub(crate) fn describe(number: u64, table: &Table) -> TableMessage {
    let services = table.services.iter().map(|service| ServiceMessage {
        name: service.name.to_string(),
        generation: service.generation.0,
        split: service.split,
        colors: service.colors.each_ref().map(|color| ColorMessage {
            id: color.id.0,
            targets: color
                .targets
                .iter()
                .map(|target| TargetMessage {
                    id: target.id.0,
                    url: target.url.to_string(),
                    tls: target.url.tls().map(describe_tls),
                    announce: target.url.announce().map(|version| match version {
                        ProxyHeader::V1 => 1,
                        ProxyHeader::V2 => 2,
                    }),
                    own_host: target.url.own_host().is_some(),
                    resolve_first: target.url.resolve() == Resolve::First,
                    address: target.address,
                    addresses: target.addresses.clone(),
                    moves: target.moves,
                    usable: target.usable,
                })
                .collect(),
        }),
        path_prefix: service.path_prefix.to_string(),
        only_h2c: service.only_h2c,
        policy: service.policy.clone(),
        held: service.held.map(|held| held.max_wait),
        maintenance: service.maintenance.as_deref().map(describe_notice),
        previews: service.previews.as_deref().map(describe_previews),
    });
    let routes = table.routes.list().map(|route| RouteMessage {
        host: route.host,
        prefix: route.prefix,
        place: route.place,
    });
    let draining = table.draining.iter().map(|draining| DrainingMessage {
        what: match draining.what {
            Leaving::Color(id) => LeavingMessage::Color(id.0),
            Leaving::Target(id) => LeavingMessage::Target(id.0),
        },
        cut: draining.cut,
        close_within: draining.close_within,
    });
    TableMessage {
        number,
        generation: table.generation.0,
        limits: table.limits,
        services: services.collect(),
        routes: routes.collect(),
        draining: draining.collect(),
    }
}

fn describe_previews(terms: &PreviewTerms) -> PreviewsMessage {
    let PreviewTerms { serial, closed, versions } = terms;
    let versions = versions.each_ref().map(|version| version.as_ref().map(ToString::to_string));
    PreviewsMessage { serial: *serial, closed: *closed, versions }
}

fn describe_notice(notice: &Notice) -> NoticeMessage {
    let Notice { message, page, allow } = notice.clone();
    NoticeMessage {
        message,
        page: page.as_deref().map(str::to_owned),
        allow: allow.iter().map(ToString::to_string).collect(),
    }
}

fn describe_tls(tls: &TargetTls) -> TlsMessage {
    let TargetTls { server_name, ca, identity, only_http1 } = tls.clone();
    let (server_name, named_by_request) = match server_name {
        ServerName::Target => (None, false),
        ServerName::Fixed(name) => (Some(name.into()), false),
        ServerName::Request => (None, true),
    };
    TlsMessage { server_name, named_by_request, ca, identity, only_http1 }
}
