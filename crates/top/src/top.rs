//! The state of the screen: what Teal has answered, what is looked at, and what was asked.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use contract::wire::{Color, Event, History, Series, Service, Status};
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;

use crate::canvas::Canvas;
use crate::dialog::{Answer, Call, Dialog, Step, Verb};
use crate::foot::{self, KeysOf};
use crate::head::{Trust, other};
use crate::help;
use crate::history::PastChange;
use crate::key::Key;
use crate::list::{List, ListStep};
use crate::palette::{FAINT, PLAIN, Palette};
use crate::plain;
use crate::rates::{Rates, Totals, totals};
use crate::service::View;
use crate::words::many;

/// The smallest screen, in columns and lines.
const SMALLEST: (u16, u16) = (56, 16);

/// The age from which a picture is stale: two answers are missing.
const STALE: Duration = Duration::from_secs(3);

/// The most events that are kept.
const EVENTS: usize = 200;

/// The columns of plain text, and the past changes and services in it.
const TEXT: (u16, u16, u16) = (80, 6, 104);

/// How the screen looks, and where it begins.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// True if the terminal may be sent colors.
    pub has_colors: bool,
    /// The service to begin with; `None`: the only one, or the list.
    pub service: Option<String>,
}

/// One answer of Teal.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The status: of the service that is looked at, or of all.
    pub status: Status,
    /// The series of the same services; `None`: there is none, such as from an older Teal.
    pub series: Option<Series>,
}

/// A wish of the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Leave.
    Leave,
    /// Draw everything again.
    Redraw,
    /// Give the terminal back to the shell for a while.
    Suspend,
    /// See something else: [`Top::wanted`] has changed.
    Look,
    /// Know what an action would do.
    Rehearse(Call),
    /// Carry an action out.
    Act(Call),
}

/// The screen.
#[derive(Debug)]
pub struct Top {
    palette: Palette,
    /// The newest status, of whatever was looked at.
    status: Option<Status>,
    /// The newest status of all services.
    all: Option<Status>,
    rates: Option<(String, Rates)>,
    /// The rates of all services, as far as they are known.
    totals: HashMap<String, Totals>,
    past: Vec<PastChange>,
    /// The events that the history does not keep, oldest first.
    events: VecDeque<PastChange>,
    /// The state that the history belongs to, as [`Top::state_of_history`] says.
    past_of: Option<String>,
    heard: Duration,
    /// The reason there was no answer.
    trouble: Option<String>,
    /// The service that is looked at; `None`: the list.
    open: Option<String>,
    list: List,
    dialog: Option<Dialog>,
    has_help: bool,
    tickets: u32,
}

impl Top {
    /// An empty screen.
    pub fn new(options: Options) -> Self {
        Self {
            palette: Palette { has_colors: options.has_colors },
            status: None,
            all: None,
            rates: None,
            totals: HashMap::new(),
            past: Vec::new(),
            events: VecDeque::new(),
            past_of: None,
            heard: Duration::ZERO,
            trouble: None,
            open: options.service,
            list: List::default(),
            dialog: None,
            has_help: false,
            tickets: 0,
        }
    }

    /// The service to ask about; `None`: all.
    pub fn wanted(&self) -> Option<&str> {
        self.open.as_deref()
    }

    /// Returns true if the history may have changed since it was last read.
    pub fn wants_history(&self) -> bool {
        self.state_of_history().is_some_and(|state| self.past_of.as_ref() != Some(&state))
    }

    /// Takes an answer at this time, counted from the start of the program.
    pub fn read(&mut self, now: Duration, reading: Reading) {
        let Reading { status, series } = reading;
        self.heard = now;
        self.trouble = None;
        if status.services.len() >= status.total {
            if let (None, [only]) = (&self.open, &status.services[..]) {
                self.open = Some(only.name.clone());
            }
            self.all = Some(status.clone());
            self.totals = series.as_ref().map(totals).unwrap_or_default();
        }
        self.rates = self.open.clone().and_then(|name| {
            let rates = Rates::of(series.as_ref()?, &name)?;
            Some((name, rates))
        });
        self.status = Some(status);
    }

    /// Takes the history.
    pub fn remember(&mut self, history: History) {
        self.past_of = self.state_of_history();
        self.past = PastChange::all(history);
    }

    /// Takes a live event.
    pub fn happened(&mut self, event: &Event) {
        let Some(change) = PastChange::seen(event) else { return };
        if self.events.len() >= EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(change);
    }

    /// Notes that there was no answer, and why. The last picture stays.
    pub fn lost(&mut self, why: &str) {
        self.trouble = Some(why.to_owned());
    }

    /// Takes the answer to a call. One for a dialog that was closed is dropped.
    pub fn answered(&mut self, answer: &Answer) {
        if let Some(dialog) = self.dialog.as_mut().filter(|one| one.ticket() == answer.ticket) {
            dialog.answered(answer);
        }
    }

    /// Takes a key; `height` is that of the screen.
    pub fn key(&mut self, key: Key, height: u16) -> Option<Intent> {
        match key {
            Key::Leave => return Some(Intent::Leave),
            Key::Redraw => return Some(Intent::Redraw),
            Key::Suspend => return Some(Intent::Suspend),
            _ => {}
        }
        if std::mem::take(&mut self.has_help) {
            return None;
        }
        if let Some(dialog) = &mut self.dialog {
            match dialog.key(key) {
                Step::Stay => {}
                Step::Close => self.dialog = None,
                Step::Act(call) => return Some(Intent::Act(call)),
            }
            return None;
        }
        if self.open.is_none() {
            return self.key_of_list(key, height);
        }
        match key {
            Key::Char('s') => self.propose(|service| Verb::Switch(other(service.active))),
            Key::Char('r') => self.propose(|_| Verb::Rollback),
            Key::Char('h') => self.propose(|service| match service.held {
                Some(_) => Verb::Resume,
                None => Verb::Hold,
            }),
            Key::Escape | Key::Char('/') if self.is_one_of_many() => {
                if let Some(name) = self.open.take() {
                    self.list.choose(&name);
                }
                self.list.is_typing = key != Key::Escape;
                Some(Intent::Look)
            }
            key => self.common_key(key),
        }
    }

    fn key_of_list(&mut self, key: Key, height: u16) -> Option<Intent> {
        let Some(status) = self.all.as_ref().or(self.status.as_ref()) else {
            return self.common_key(key);
        };
        match self.list.key(key, status, usize::from(height.saturating_sub(6)).max(1)) {
            ListStep::Stay => None,
            ListStep::Unused => self.common_key(key),
            ListStep::Open(name) => {
                self.open = Some(name);
                self.rates = None;
                Some(Intent::Look)
            }
        }
    }

    fn common_key(&mut self, key: Key) -> Option<Intent> {
        match key {
            Key::Char('q') => return Some(Intent::Leave),
            Key::Char('?') => self.has_help = true,
            _ => {}
        }
        None
    }

    /// Opens the dialog of an action about the service that is looked at.
    fn propose(&mut self, verb: impl FnOnce(&Service) -> Verb) -> Option<Intent> {
        let service = self.service()?;
        let ticket = self.tickets + 1;
        let (verb, generation) = (verb(service), service.generation);
        let call = Call { ticket, verb, service: service.name.clone(), generation };
        self.tickets = ticket;
        self.dialog = Some(Dialog::new(call.clone()));
        Some(Intent::Rehearse(call))
    }

    /// Draws the whole screen at this time.
    pub fn draw(&self, buffer: &mut Buffer, now: Duration) {
        let mut canvas = Canvas::new(buffer, self.palette);
        let area = canvas.area();
        if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
            let (width, height) = SMALLEST;
            let text =
                format!("teal top needs {width}×{height}, this is {}×{}", area.width, area.height);
            canvas.text(0, 0, area.width, &text, PLAIN);
            canvas.text(0, 1, area.width, "or use: teal status", PLAIN);
            return;
        }
        let trust = self.trust(now);
        self.draw_view(&mut canvas, area.height - 1, &trust);
        if trust != Trust::Connected {
            let body = Rect { y: 3, height: area.height - 4, ..area };
            canvas.restyle(body, FAINT);
        }
        foot::draw(&mut canvas, self.keys());
        if let Some(dialog) = &self.dialog {
            dialog.draw(&mut canvas);
        }
        if self.has_help {
            help::draw(&mut canvas);
        }
    }

    /// The same as plain text of 80 columns, with everything that there is.
    pub fn text(&self) -> String {
        let (width, past, most) = TEXT;
        let trust = Trust::Connected;
        let height = match (self.view(&trust), &self.status) {
            (Some(view), _) => view.height(past),
            (None, Some(status)) => List::height(status).min(most),
            (None, None) => 1,
        };
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height.min(u16::MAX / width)));
        self.draw_view(&mut Canvas::new(&mut buffer, self.palette), height, &trust);
        let rest = self.status.as_ref().filter(|_| self.open.is_none());
        let rest = rest.map_or(0, |status| List::height(status).saturating_sub(height));
        match rest {
            0 => plain::text(&buffer),
            rest => {
                let rest = many(usize::from(rest), "service");
                plain::text(&buffer) + &format!("… and {rest} more; see: teal status --all\n")
            }
        }
    }

    fn draw_view(&self, canvas: &mut Canvas<'_>, height: u16, trust: &Trust) {
        if let Some(view) = self.view(trust) {
            return view.draw(canvas, height);
        }
        match (&self.open, self.all.as_ref().or(self.status.as_ref())) {
            (None, Some(status)) => self.list.draw(canvas, (status, &self.totals), trust, height),
            (open, _) => {
                let name = open.as_deref().unwrap_or("Teal");
                crate::head::draw(canvas, (name, ""), "No answer yet", None, trust);
            }
        }
    }

    fn view<'s>(&'s self, trust: &'s Trust) -> Option<View<'s>> {
        let (status, service) = (self.status.as_ref()?, self.service()?);
        let rates = self.rates.as_ref().filter(|(name, _)| *name == service.name);
        let rates = rates.map(|(_, rates)| rates);
        let past = self.past.iter().chain(&self.events);
        let mut past: Vec<_> = past.filter(|change| change.concerns(&service.name)).collect();
        PastChange::sort(&mut past);
        Some(View { status, service, rates, past, trust })
    }

    /// The service that is looked at, if Teal has answered about it.
    fn service(&self) -> Option<&Service> {
        let name = self.open.as_deref()?;
        let of = |status: &'_ Option<Status>| -> Option<usize> {
            status.as_ref()?.services.iter().position(|service| service.name == name)
        };
        match (of(&self.status), of(&self.all)) {
            (Some(place), _) => self.status.as_ref()?.services.get(place),
            (None, Some(place)) => self.all.as_ref()?.services.get(place),
            (None, None) => None,
        }
    }

    fn keys(&self) -> KeysOf<'_> {
        match self.service() {
            Some(service) => KeysOf::Service(service, self.is_one_of_many()),
            None if self.list.is_typing => KeysOf::Filter,
            None => KeysOf::List,
        }
    }

    fn is_one_of_many(&self) -> bool {
        self.status.as_ref().is_none_or(|status| status.total != 1 || self.service().is_none())
    }

    fn trust(&self, now: Duration) -> Trust {
        let age = now.saturating_sub(self.heard);
        match &self.trouble {
            Some(why) => Trust::Stale(age, why.clone()),
            None if age > STALE => Trust::Stale(age, "Teal does not answer".to_owned()),
            None => Trust::Connected,
        }
    }

    /// Returns a value that changes whenever the history of the service has changed.
    fn state_of_history(&self) -> Option<String> {
        let (status, service) = (self.status.as_ref()?, self.service()?);
        let drained = |color| service.colors.of(color).drained;
        let deploys: Vec<_> = status.deploys.iter().map(|deploy| deploy.id).collect();
        Some(format!(
            "{} {} {} {} {} {} {deploys:?} {} {}",
            status.teal.instance,
            service.name,
            status.generation,
            service.held.is_some(),
            service.maintenance.is_some(),
            status.waits.len(),
            drained(Color::Blue),
            drained(Color::Green),
        ))
    }
}
