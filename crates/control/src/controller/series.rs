//! The sums of all services by second: they are taken for receipts and series, and series are read.

use std::sync::Arc;

use tokio::task::yield_now;
use tokio::time::sleep;

use super::{AT_ONCE, status};
use crate::clock::Clock;
use crate::core::Core;
use crate::inbox::Answer;
use crate::request::SeriesRequest;
use crate::view::{SeriesView, ServiceSeries};

/// The maximum number of points in one answer, of all services together. With more services than fit, each has fewer
/// points: an answer stays within about 20 MB.
const POINTS: u64 = 250_000;

/// Takes the sums of all services at the end of each second.
pub(super) async fn tally(core: Arc<Core>) {
    loop {
        keep_tallies(&core).await;
        sleep(Clock::to_next_second()).await;
    }
}

/// Takes the sums of all services, a few at a time, between other tasks.
async fn keep_tallies(core: &Core) {
    let moment = core.clock.moment();
    let beat = core.lock().series_clock.tick(Clock::now());
    let mut next = 0;
    loop {
        {
            let inner = &mut *core.lock();
            // Before any counter is read: they may have the counts of another Teal by now.
            inner.inherited.apply(&mut inner.series_clock, &mut inner.roster.members);
            // A reload may have replaced them meanwhile: what is missed then is taken a second later.
            let part = inner.roster.members.get_mut(next..).filter(|rest| !rest.is_empty());
            let Some(part) = part else {
                if let Some(beat) = beat {
                    inner.series_clock.taken(beat);
                    inner.inherited.add_points(&inner.series_clock, &mut inner.roster.members);
                }
                return;
            };
            for member in part.iter_mut().take(AT_ONCE) {
                member.keep_tally(moment, beat);
            }
        }
        next += AT_ONCE;
        yield_now().await;
    }
}

/// Returns the recent traffic of services. With many services, they are read in parts.
pub(super) async fn read(core: Arc<Core>, request: SeriesRequest) -> Answer<SeriesView> {
    let SeriesRequest { selection, step, last, after } = request;
    let (wanted, mut span) = {
        let inner = core.lock();
        (status::wanted(&inner, selection)?, inner.series_clock.span(step, last, after))
    };
    span.at_most(POINTS / (wanted.len() as u64).max(1));
    let mut services = Vec::with_capacity(wanted.len());
    for part in wanted.chunks(AT_ONCE) {
        {
            let roster = &core.lock().roster;
            services.extend(part.iter().map(|(place, service)| {
                let member = roster.member_near(*place, service);
                let points = member.map(|member| member.series.read(&span));
                let points = points.unwrap_or_else(|| span.empty());
                ServiceSeries { service: service.clone(), points }
            }));
        }
        yield_now().await;
    }
    Ok(SeriesView { end: span.end(), step, services })
}
