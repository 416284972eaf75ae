//! The list of all services, those with a problem first; one is chosen, and a part of a name filters them.

use contract::wire::{Color, Service, Severity, Status};
use ratatui_core::layout::Rect;

use crate::canvas::Canvas;
use crate::column::role;
use crate::head::{self, Trust};
use crate::key::Key;
use crate::palette::{CHOSEN, FAINT, PLAIN, STRONG};
use crate::words::{count, many};

/// The longest filter: that of a name.
const FILTER_MAX: usize = 63;

/// The widths of the columns before the state.
const COLUMNS: [(&str, u16); 4] = [("SERVICE", 24), ("BLUE", 10), ("GREEN", 10), ("IN FLIGHT", 9)];

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
        status: &Status,
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
        if matches!(trust, Trust::Connected) && (self.is_typing || !self.filter.is_empty()) {
            let cursor = if self.is_typing { "_" } else { "" };
            let found = many(shown.len(), "service");
            let text = format!("Filter: {}{cursor}  ({found})", self.filter);
            canvas.text(0, 2, canvas.area().width, &text, STRONG);
        }
        let top = head::HEIGHT;
        let titles = COLUMNS.map(|(title, _)| title.to_owned());
        row(canvas, top, &titles, "STATE");
        canvas.restyle(Rect::new(0, top, canvas.area().width, 1), FAINT);
        let room = usize::from(height.saturating_sub(top + 1)).max(1);
        let place = self.place(&shown);
        let first = place.saturating_sub(room - 1).max(place / room * room).min(place);
        for (line, service) in shown.iter().skip(first).take(room).enumerate() {
            let y = top + 1 + line as u16;
            draw_service(canvas, y, service);
            if first + line == place {
                let width = canvas.area().width;
                canvas.restyle(Rect::new(0, y, width, 1), CHOSEN);
            }
        }
    }

    /// The height at which no service is left out.
    pub(crate) fn height(status: &Status) -> u16 {
        let services = u16::try_from(status.services.len()).unwrap_or(u16::MAX / 2);
        head::HEIGHT + 1 + services
    }
}

fn draw_service(canvas: &mut Canvas<'_>, y: u16, service: &Service) {
    let cell = |color: Color| {
        let (sign, word) = role(service.colors.of(color));
        let word = word.split(',').next().unwrap_or(word);
        format!("{sign} {word}")
    };
    let in_flight = service.colors.blue.in_flight + service.colors.green.in_flight;
    let cells = [service.name.clone(), cell(Color::Blue), cell(Color::Green), count(in_flight)];
    let state = head::problem(service).map_or_else(
        || head::sentence(service),
        |(severity, text)| {
            let sign = if severity == Severity::Outage { "✕" } else { "▲" };
            format!("{sign} {text}")
        },
    );
    row(canvas, y, &cells, &state);
}

fn row(canvas: &mut Canvas<'_>, y: u16, cells: &[String; 4], state: &str) {
    let plain = PLAIN;
    let mut x = 0;
    for (text, (_, width)) in cells.iter().zip(COLUMNS) {
        canvas.text(x, y, width, text, plain);
        x += width + 1;
    }
    canvas.text(x, y, canvas.area().width.saturating_sub(x), state, plain);
}
