//! The observers of finished requests: the access log, and a collector of spans. Each has a
//! thread that writes for all workers.

use std::io::ErrorKind;

use certificate::Challenges;
use config::Config;
use connect::{AddressHistory, TlsConfigCache};
use preview::PreviewKeyCell;
use proxy::{
    AccessLog, Destination, Followers, Format, ListenerOptions, LogWriter, Options, SpanWriter,
};
use traffic::Versions;

use super::{collector, token};
use crate::exit::Failure;

/// The writing ends.
#[derive(Debug)]
pub(super) struct Writers {
    pub(super) log: Option<LogWriter>,
    spans: Option<SpanWriter>,
    /// The versions in the lines of the access log, which the controller keeps up to date.
    pub(super) versions: Versions,
}

/// The settings of the data plane, with the observers that are configured.
pub(super) fn open(
    config: &Config,
    listeners: Vec<ListenerOptions>,
    tls_configs: TlsConfigCache,
    (challenges, preview_key): (Challenges, PreviewKeyCell),
) -> Result<(Options, Writers), Failure> {
    let instance = format!("teal-{}", token::random_hex(4));
    let versions = Versions::default();
    let (access_log, log) = access_log(config, versions.clone())?.unzip();
    let (tracer, spans) = collector::tracer(config, &instance)?.unzip();
    let connections = config.limits.connections;
    let history = AddressHistory::default();
    let followers = Followers::default();
    let options = Options {
        instance,
        connections,
        listeners,
        access_log,
        tracer,
        followers,
        tls_configs,
        history,
        challenges,
        preview_key,
    };
    Ok((options, Writers { log, spans, versions }))
}

/// Opens the access log, if one is configured.
fn access_log(
    config: &Config,
    versions: Versions,
) -> Result<Option<(AccessLog, LogWriter)>, Failure> {
    let Some(log) = &config.access_log else { return Ok(None) };
    let format = if log.combined { Format::Combined } else { Format::Json };
    let to = log.file.clone().map_or(Destination::Stdout, Destination::File);
    let started = AccessLog::start(to, format, versions);
    if let Err(error) = &started
        && matches!(error.kind(), ErrorKind::ReadOnlyFilesystem | ErrorKind::StorageFull)
    {
        // Traffic matters more than its log.
        let file = log.file.as_deref().unwrap_or("standard output".as_ref()).display();
        tracing::error!("cannot open the access log {file}: {error}; requests are not logged");
        return Ok(None);
    }
    let opened = started.map_err(|error| {
        let file = log.file.as_deref().unwrap_or("standard output".as_ref()).display();
        Failure::failed(format!(
            "cannot open the access log {file}: {error}; create its directory, and let Teal's user write there"
        ))
    });
    opened.map(Some)
}

impl Writers {
    /// Waits a short time until everything handed over so far is written.
    pub(super) fn finish(self) {
        if let Some(log) = self.log {
            log.finish();
        }
        if let Some(spans) = self.spans {
            spans.finish();
        }
    }
}
