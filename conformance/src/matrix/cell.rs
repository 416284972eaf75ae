//! One server with one client: each case directly at the target, then through Teal in every way.

use std::fmt;

use anyhow::{Context, Result};
use serde_json::Value;

use super::Ground;
use crate::cases::Case;
use crate::clients::{Client, Way};
use crate::compare::{Found, differences};
use crate::servers;

/// The number of repeated direct runs of a case that differs: the target itself may be unstable.
const ASKED_AGAIN: usize = 2;

/// A difference from the direct run.
#[derive(Debug)]
pub(crate) struct Difference {
    pub(crate) server: &'static str,
    pub(crate) client: &'static str,
    pub(crate) way: &'static str,
    pub(crate) case: String,
    pub(crate) found: Found,
}

/// Results of one client.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) client: &'static str,
    pub(crate) compared: usize,
    pub(crate) moved: usize,
    pub(crate) differences: Vec<Difference>,
}

impl Played {
    pub(super) fn new(client: &'static str) -> Self {
        Self { client, compared: 0, moved: 0, differences: Vec::new() }
    }
}

/// Plays every case that both support.
pub(super) fn play_all(
    server: &'static servers::Kind,
    ground: &Ground,
    cases: &[Case],
    client: &mut Client,
) -> Result<Played> {
    let mut played = Played::new(client.kind.name);
    let both = |case: &Case| {
        server.speaks.contains(&case.speech())
            && client.kind.speaks.contains(&case.speech())
            && !case.left_out.iter().any(|name| name == server.name)
    };
    let cases: Vec<&Case> = cases.iter().filter(|case| both(case)).collect();
    for case in cases {
        let direct = play(ground, case, client, None).context(case.name.clone())?;
        for way in client.kind.ways {
            let through = play(ground, case, client, Some(*way)).context(case.name.clone())?;
            played.compared += 1;
            let mut what = differences(&direct, &through, *way, case.request);
            for _ in 0..ASKED_AGAIN {
                // An answer through Teal where the direct run has an error remains a difference.
                if what.iter().all(|one| one.what.contains(" instead of error ")) {
                    break;
                }
                let again = play(ground, case, client, None)?;
                let less = differences(&again, &through, *way, case.request);
                if less.len() < what.len() {
                    what = less;
                }
            }
            played.differences.extend(what.into_iter().map(|found| Difference {
                server: server.name,
                client: client.kind.name,
                way: way.word(),
                case: case.name.clone(),
                found,
            }));
        }
    }
    Ok(played)
}

/// Plays a case through Teal in the given way; without one, directly at the target.
pub(super) fn play(
    ground: &Ground,
    case: &Case,
    client: &mut Client,
    way: Option<Way>,
) -> Result<Vec<Value>> {
    let port = match way {
        None => ground.direct,
        Some(Way::Http1 | Way::Upgrade) => ground.plain,
        Some(Way::Tls | Way::Http2) => ground.secure,
    };
    client.play(case, way.unwrap_or(Way::Http1), port, &ground.pki.ca())
}

impl Difference {
    /// The same at another step, or in another case.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let key = |one: &Self| (one.server, one.client, one.way);
        key(self) == key(other) && self.found.what == other.found.what
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, client, way, case, found } = self;
        let Found { step, what, detail } = found;
        write!(f, "{server} × {client} over {way}, {case}: ")?;
        if let Some(step) = step {
            write!(f, "step {step}: ")?;
        }
        f.write_str(what)?;
        if !detail.is_empty() {
            write!(f, " ({detail})")?;
        }
        Ok(())
    }
}
