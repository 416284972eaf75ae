//! The list of all services, those with a problem first; one is chosen, and a part of a name filters them.

use std::collections::HashMap;

use contract::wire::{Color, Service, Status};
use ratatui_core::layout::Rect;

use crate::canvas::Canvas;
use crate::column::role;
use crate::head::{self, Trust};
use crate::key::Key;
use crate::palette::{CHOSEN, FAINT, PLAIN, STRONG};
use crate::rates::Totals;
use crate::words::{count, many, rate, width};

/// The longest filter: that of a name.
const FILTER_MAX: usize = 63;

/// The screen width from which a color has its sign and its word.
const WIDE: u16 = 100;

/// The sign for a figure that the API has not given.
const NOT_KNOWN: &str = "–";

/// The titles of the columns before the state.
const TITLES: [&str; 6] = ["SERVICE", "BLUE", "GREEN", "IN FLIGHT", "REQ/S", "ERR/S"];

/// The widest name on a wide screen, and on a narrow one.
const NAME_MAX: (usize, usize) = (24, 18);

/// The state of the list.
#[derive(Clone, Debug, Default)]
pub(crate) struct List {
    /// The name of the chosen service; `None`: the first one.
    chosen: Option<String>,
    pub(crate) filter: String,
    /// True while the filter is typed.
    pub(crate) is_typing: bool,
}

/// The effect of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ListStep {
    Stay,
    Open(String),
    /// Not a key of the list.
    Unused,
}

impl List {
    /// The services that are shown, in their order.
    fn shown<'s>(&self, status: &'s Status) -> Vec<&'s Service> {
        let services = status.services.iter();
        let mut shown: Vec<_> =
            services.filter(|service| service.name.contains(&self.filter)).collect();
        let severity = |service: &Service| service.problems.first().map(|first| first.severity);
        // Stable: in the order of the configuration otherwise.
        shown.sort_by_key(|service| {
            severity(service).map_or((true, None), |how| (false, Some(how)))
        });
        shown
    }

    fn place(&self, shown: &[&Service]) -> usize {
        let chosen = self.chosen.as_deref();
        shown.iter().position(|service| Some(&*service.name) == chosen).unwrap_or(0)
    }

    pub(crate) fn key(&mut self, key: Key, status: &Status, page: usize) -> ListStep {
        if self.is_typing && self.typed(key) {
            return ListStep::Stay;
        }
        let shown = self.shown(status);
        let (place, last) = (self.place(&shown), shown.len().saturating_sub(1));
        let to = match key {
            Key::Up | Key::Char('k') => place.saturating_sub(1),
            Key::Down | Key::Char('j') => place + 1,
            Key::PageUp => place.saturating_sub(page),
            Key::PageDown => place + page,
            Key::Home => 0,
            Key::End => last,
            Key::Enter => {
                let chosen = shown.get(place).map(|service| service.name.clone());
                self.is_typing = false;
                return chosen.map_or(ListStep::Stay, ListStep::Open);
            }
            Key::Char('/') => {
                self.is_typing = true;
                return ListStep::Stay;
            }
            Key::Escape => {
                self.filter.clear();
                return ListStep::Stay;
            }
            _ => return ListStep::Unused,
        };
        self.chosen = shown.get(to.min(last)).map(|service| service.name.clone());
        ListStep::Stay
    }

    /// Takes a key of the filter.
    fn typed(&mut self, key: Key) -> bool {
        match key {
            Key::Char(char) if self.filter.len() < FILTER_MAX => {
                self.filter.push(char.to_ascii_lowercase());
            }
            Key::Char(_) => {}
            Key::Backspace => drop(self.filter.pop()),
            Key::Escape => {
                self.filter.clear();
                self.is_typing = false;
            }
            _ => return false,
        }
        true
    }

    /// Marks a service as the chosen one.
    pub(crate) fn choose(&mut self, name: &str) {
        self.chosen = Some(name.to_owned());
    }

    /// Draws the list into this many lines.
    pub(crate) fn draw(
        &self,
        canvas: &mut Canvas<'_>,
        (status, totals): (&Status, &HashMap<String, Totals>),
        trust: &Trust,
        height: u16,
    ) {
        let shown = self.shown(status);
        let bad = status.services.iter().filter(|service| !service.problems.is_empty()).count();
        let sentence = match bad {
            0 => format!("No problem in {}", many(status.services.len(), "service")),
            bad => format!(
                "{}, {} with a problem",
                many(status.services.len(), "service"),
                count(bad as u64)
            ),
        };
        let of_it = format!("  {}", status.teal.version);
        head::draw(canvas, ("Teal", &of_it), &sentence, None, trust);
        let place = self.place(&shown);
        if *trust == Trust::Connected {
            self.third_line(canvas, &shown, place);
        }
        let top = head::HEIGHT;
        let columns = Columns::of(canvas, &shown);
        columns.row(canvas, top, &TITLES.map(str::to_owned), "STATE");
        canvas.restyle(Rect::new(0, top, canvas.area().width, 1), FAINT);
        let room = usize::from(height.saturating_sub(top + 1)).max(1);
        let first = place.saturating_sub(room - 1).max(place / room * room).min(place);
        for (line, service) in shown.iter().skip(first).take(room).enumerate() {
            let y = top + 1 + line as u16;
            columns.service(canvas, y, service, totals.get(&service.name));
            if first + line == place {
                let width = canvas.area().width;
                canvas.restyle(Rect::new(0, y, width, 1), CHOSEN);
            }
        }
    }

    /// Draws the filter, if there is one, or else the whole state of the chosen service, for which its row may be too
    /// short.
    fn third_line(&self, canvas: &mut Canvas<'_>, shown: &[&Service], place: usize) {
        let room = canvas.area().width;
        if self.is_typing || !self.filter.is_empty() {
            let cursor = if self.is_typing { "_" } else { "" };
            let found = many(shown.len(), "service");
            let text = format!("Filter: {}{cursor}  ({found})", self.filter);
            canvas.text(0, 2, room, &text, STRONG);
        } else if let Some(service) = shown.get(place) {
            let state = head::problem(service).map_or_else(
                || head::sentence(service),
                |(severity, text)| format!("{} {text}", head::sign(severity)),
            );
            canvas.text(0, 2, room, &format!("▸ {}: {state}", service.name), PLAIN);
        }
    }

    /// The height at which no service is left out.
    pub(crate) fn height(status: &Status) -> u16 {
        let services = u16::try_from(status.services.len()).unwrap_or(u16::MAX / 2);
        head::HEIGHT + 1 + services
    }
}

/// The layout of the rows.
#[derive(Clone, Copy, Debug)]
struct Columns {
    is_wide: bool,
    widths: [u16; 6],
}

impl Columns {
    /// Lays out the columns so that the state has as much room as the names leave.
    fn of(canvas: &Canvas<'_>, shown: &[&Service]) -> Self {
        let is_wide = canvas.area().width >= WIDE;
        let longest = shown.iter().map(|service| width(&service.name)).max().unwrap_or(0);
        let most = if is_wide { NAME_MAX.0 } else { NAME_MAX.1 };
        let name = longest.clamp(width(TITLES[0]), most) as u16;
        let (blue, green) = if is_wide { (10, 10) } else { (4, 5) };
        Self { is_wide, widths: [name, blue, green, 9, 6, 6] }
    }

    fn service(&self, canvas: &mut Canvas<'_>, y: u16, service: &Service, totals: Option<&Totals>) {
        let color = |color: Color| {
            let (sign, word) = role(service.colors.of(color));
            let word = word.split(',').next().unwrap_or(word);
            if self.is_wide { format!("{sign} {word}") } else { sign.to_owned() }
        };
        let in_flight = service.colors.blue.in_flight + service.colors.green.in_flight;
        let figure = |of: fn(&Totals) -> f64| {
            totals.map_or_else(|| NOT_KNOWN.to_owned(), |totals| rate(of(totals)))
        };
        let cells = [
            service.name.clone(),
            color(Color::Blue),
            color(Color::Green),
            count(in_flight),
            figure(|totals| totals.requests),
            figure(|totals| totals.errors),
        ];
        self.row(canvas, y, &cells, &head::in_short(service));
    }

    fn row(&self, canvas: &mut Canvas<'_>, y: u16, cells: &[String; 6], state: &str) {
        let mut x = 0;
        for (text, width) in cells.iter().zip(self.widths) {
            canvas.text(x, y, width, text, PLAIN);
            x += width + 1;
        }
        canvas.text(x, y, canvas.area().width.saturating_sub(x), state, PLAIN);
    }
}
