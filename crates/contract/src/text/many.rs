//! The status of many services: problems first, then a line for each of the other services, as long as
//! there are few of them.

use crate::wire::{Color, Service, Status};

use super::color::{running, standing};
use super::status::Extent;
use super::{TextBuilder, line};

/// The maximum number of lines, unless more are asked for.
const LINES: usize = 100;

/// Problems first, then the others.
pub(super) fn services(lines: &mut TextBuilder, status: &Status, extent: Extent) {
    let (mut bad, good): (Vec<_>, Vec<_>) =
        status.services.iter().partition(|service| !service.problems.is_empty());
    bad.sort_by_key(|service| service.problems.first().map(|problem| problem.severity));
    let (count, total) = (bad.len(), status.total);
    match count {
        0 if total == 1 => line!(lines, "No problem in 1 service"),
        0 => line!(lines, "No problem in {total} services"),
        _ => line!(lines, "Services: {total}, {count} with a problem"),
    }
    let most = if extent.problems || extent.all { usize::MAX } else { LINES };
    for service in bad.iter().take(most) {
        for problem in &service.problems {
            line!(lines, "Problem of {}: {}", service.name, problem.text);
        }
    }
    let more = count.saturating_sub(most);
    if more > 0 {
        line!(lines, "{more} more have a problem; see: teal status --problems");
    }
    if extent.problems {
        return;
    }
    if extent.all || status.services.len() <= LINES {
        for service in bad.iter().chain(&good) {
            line!(lines, "{}", in_short(service));
        }
    } else {
        let left = good.len();
        line!(
            lines,
            "{left} have no problem; see: teal status --all, or --service NAME for one in full"
        );
    }
}

/// Formats a service in one line.
fn in_short(service: &Service) -> String {
    let words = |color| {
        let status = service.colors.of(color);
        format!("{} is {}", running(color, status.version.as_deref()), standing(color, status))
    };
    let (active, idle) = match service.active {
        Color::Blue => (Color::Blue, Color::Green),
        Color::Green => (Color::Green, Color::Blue),
    };
    format!("{}: {}; {}", service.name, words(active), words(idle))
}
