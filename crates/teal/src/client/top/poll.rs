//! Asks Teal once a second for what the screen shows, and follows its events; goes on while Teal is gone.

use std::time::Duration;

use contract::wire::{Event, History, Status};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use top::{Reading, Top};

use super::super::reach::{Intent, Teal};
use super::super::{query, trace, understood};
use crate::cli::ReachArgs;
use crate::exit::{Exit, Failure};

/// The interval of the questions.
const RHYTHM: Duration = Duration::from_secs(1);
/// The longest time to wait for an answer before Teal is asked again.
const PATIENCE: Duration = Duration::from_secs(3);
/// The longest silence of the events: Teal sends a sign of life every ten seconds.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// The pause before events are followed again.
const FOLLOW_AGAIN: Duration = Duration::from_secs(2);
/// The part of the series that is asked for, in seconds: as many as a wide screen has columns for.
const SERIES: &str = "120";
/// The same for the list, which has no bars.
const NEWEST: &str = "1";

/// The answers to poll for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    /// The service; `None`: all, with the newest step of their series.
    service: Option<String>,
    /// True if the history is wanted, too.
    history: bool,
}

/// The result of a question.
#[derive(Debug)]
pub(super) enum News {
    Read(Box<(Reading, Option<History>)>),
    Happened(Box<Event>),
    Lost(String),
}

impl Wish {
    /// The answers that this screen needs.
    pub(super) fn of(top: &Top) -> Self {
        Self { service: top.wanted().map(str::to_owned), history: top.wants_history() }
    }
}

/// Asks once.
pub(super) async fn ask(
    reach: &ReachArgs,
    teal: &Teal,
    wish: &Wish,
) -> Result<(Reading, Option<History>), Failure> {
    let service = wish.service.as_deref();
    let status = teal.get(&query("/admin/status", &[("service", service)])).await?;
    let status: Status = understood(reach, &status)?;
    let last = if service.is_some() { SERIES } else { NEWEST };
    let parameters = [("service", service), ("step", Some("1")), ("last", Some(last))];
    let series = teal.get(&query("/admin/series", &parameters)).await?;
    // An older Teal has none; its figures stay unknown.
    let series = serde_json::from_slice(&series.body).ok().filter(|_| series.status == 200);
    let history = if wish.history {
        Some(understood(reach, &teal.get("/admin/history").await?)?)
    } else {
        None
    };
    Ok((Reading { status, series }, history))
}

/// Asks again and again, until nobody reads what comes of it. After a failure Teal is looked for again, as at the
/// start.
pub(super) async fn poll(
    reach: ReachArgs,
    mut teal: Teal,
    mut wishes: watch::Receiver<Wish>,
    news: mpsc::Sender<News>,
) {
    let mut ticks = interval(RHYTHM);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let wish = wishes.borrow_and_update().clone();
        let asked = timeout(PATIENCE, ask(&reach, &teal, &wish)).await;
        let asked = asked.unwrap_or_else(|_| {
            let seconds = PATIENCE.as_secs();
            let message = format!("{teal} did not answer within {seconds} s");
            Err(Failure::new(Exit::Unreachable, message))
        });
        let heard = match asked {
            Ok(read) => News::Read(Box::new(read)),
            Err(failure) => {
                if let Ok(mut found) = Teal::find(&reach, Intent::Read).await {
                    let _told_by_the_screen = found.take_advice();
                    teal = found;
                }
                News::Lost(failure.message.lines().next().unwrap_or_default().to_owned())
            }
        };
        if news.send(heard).await.is_err() {
            return;
        }
        tokio::select! {
            _ = ticks.tick() => {}
            changed = wishes.changed() => if changed.is_err() { return },
        }
    }
}

/// Follows the live events, again and again, until nobody reads them. What happened in between is not told: the
/// history is polled.
pub(super) async fn follow(reach: ReachArgs, news: mpsc::Sender<News>) {
    while !news.is_closed() {
        // Why there are none is told by the question for the status.
        let _told_by_the_poll = followed(&reach, &news).await;
        sleep(FOLLOW_AGAIN).await;
    }
}

async fn followed(reach: &ReachArgs, news: &mpsc::Sender<News>) -> Result<(), Failure> {
    let mut teal = Teal::find(reach, Intent::Read).await?;
    let _told_by_the_screen = teal.take_advice();
    let Ok(mut stream) = teal.follow("/admin/events").await? else { return Ok(()) };
    let mut unread = Vec::new();
    while let Some(text) = trace::next(&mut stream, &mut unread, SILENCE_MAX).await? {
        let data = trace::parts(&text).and_then(|(_, data)| serde_json::from_str(data).ok());
        let Some(event) = data else { continue };
        if news.send(News::Happened(event)).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// Gives the screen what came of a question.
pub(super) fn tell(top: &mut Top, now: Duration, news: News) {
    match news {
        News::Read(read) => {
            let (reading, history) = *read;
            top.read(now, reading);
            if let Some(history) = history {
                top.remember(history);
            }
        }
        News::Happened(event) => top.happened(&event),
        News::Lost(why) => top.lost(&why),
    }
}
