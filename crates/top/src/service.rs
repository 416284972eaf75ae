//! The view of one service: head, both colors side by side, what is under way, its history.

use contract::text::{deploying, rolling_out, running, waiting};
use contract::wire::{Books, Color, LastChange, Rollback, Service, Status};
use ratatui_core::layout::Rect;

use crate::canvas::Canvas;
use crate::column::{self, Column};
use crate::head::{self, Trust};
use crate::history::PastChange;
use crate::palette::{FAINT, PLAIN, STRONG};
use crate::rates::Rates;
use crate::words::{clean, count, many, when};

/// The height from which bars have several lines.
const TALL: u16 = 32;

/// The service that is shown.
#[derive(Debug)]
pub(crate) struct View<'s> {
    pub(crate) status: &'s Status,
    pub(crate) service: &'s Service,
    pub(crate) rates: Option<&'s Rates>,
    /// The history, newest first.
    pub(crate) past: Vec<&'s PastChange>,
    pub(crate) trust: &'s Trust,
}

/// The lines of the parts that share the height.
#[derive(Clone, Copy, Debug)]
struct Heights {
    bars: u16,
    targets: u16,
    notes: u16,
    past: u16,
}

impl View<'_> {
    /// The height at which nothing is left out, with this many past changes.
    pub(crate) fn height(&self, past: u16) -> u16 {
        let notes = self.notes().len() as u16;
        head::HEIGHT + column::HEIGHT + 1 + self.most_targets() + self.books() + notes + 1 + past
    }

    pub(crate) fn draw(&self, canvas: &mut Canvas<'_>, height: u16) {
        let Service { name, generation, .. } = self.service;
        let others = match self.status.total {
            0 | 1 => String::new(),
            all => format!(", 1 of {}", many(all, "service")),
        };
        let changed = self.service.changed.as_ref().map_or_else(String::new, |change| {
            let LastChange { at, actor, verb, .. } = change;
            if *generation == 0 {
                return format!(", first start {}", when(at));
            }
            format!(", {verb} {} by {}", when(at), clean(&actor.to_string()))
        });
        let of_it = format!("  generation {generation}{others}{changed}");
        let sentence = head::sentence(self.service);
        let problem = head::problem(self.service);
        head::draw(canvas, (name, &of_it), &sentence, problem, self.trust);

        let notes = self.notes();
        let heights = self.heights(height.saturating_sub(head::HEIGHT), notes.len() as u16);
        let (width, y) = (canvas.area().width, head::HEIGHT);
        let half = (width - 1) / 2;
        let left = Rect { x: 0, y, width: half, height };
        let right = Rect { x: width - half, y, width: half, height };
        for (color, area) in [(Color::Blue, left), (Color::Green, right)] {
            let column = Column {
                color,
                status: self.service.colors.of(color),
                rates: self.rates.map(|rates| (rates.color(color), rates.highest)),
                bars: heights.bars,
                targets: heights.targets,
            };
            column.draw(canvas, area);
        }
        let mut y = y + column::HEIGHT + heights.bars + heights.targets;
        if let Some(books) = &self.service.books {
            let style = if books.lost == 0 { PLAIN } else { canvas.palette.bad() };
            canvas.text(0, y, width, &balance(books), style);
            y += 1;
        }
        for note in notes.iter().take(usize::from(heights.notes)) {
            canvas.text(0, y, width, note, STRONG);
            y += 1;
        }
        self.draw_past(canvas, y, heights.past);
    }

    fn draw_past(&self, canvas: &mut Canvas<'_>, y: u16, lines: u16) {
        if lines == 0 {
            return;
        }
        let width = canvas.area().width;
        canvas.rule(0, y, width, "history (UTC)");
        for (place, change) in self.past.iter().take(usize::from(lines - 1)).enumerate() {
            let when = change.when() + "  ";
            canvas.pieces(0, y + 1 + place as u16, width, &[(&when, FAINT), (&change.text, PLAIN)]);
        }
        if self.past.is_empty() && lines > 1 {
            canvas.text(0, y + 1, width, "no changes yet", FAINT);
        }
    }

    fn most_targets(&self) -> u16 {
        let of = |color| self.service.colors.of(color).targets.len();
        of(Color::Blue).max(of(Color::Green)).max(1).min(usize::from(u16::MAX / 2)) as u16
    }

    /// The lines of the books.
    fn books(&self) -> u16 {
        self.service.books.is_some().into()
    }

    /// Shares the lines below the head.
    fn heights(&self, height: u16, notes: u16) -> Heights {
        let bars = if height >= TALL { 3 } else { 1 };
        let left = height.saturating_sub(column::HEIGHT + bars + self.books());
        let notes = notes.min((left / 3).max(1));
        let targets = self.most_targets().min(left.saturating_sub(notes + 4).max(1));
        Heights { bars, targets, notes, past: left.saturating_sub(notes + targets) }
    }

    /// Returns the calls under way, and the problems of Teal itself.
    fn notes(&self) -> Vec<String> {
        let (status, name) = (self.status, &self.service.name);
        let mut notes = Vec::new();
        if let Some(reason) = &status.journal {
            notes.push(format!("▲ Journal: {reason}; no change is possible, traffic continues"));
        }
        let deploys = status.deploys.iter().filter(|deploy| deploy.services.contains(name));
        notes.extend(deploys.map(deploying));
        notes.extend(self.service.rollout.as_ref().map(rolling_out));
        let waits = status.waits.iter();
        let waits = waits.filter(|wait| wait.services.is_empty() || wait.services.contains(name));
        notes.extend(waits.map(waiting));
        if let Some(generation) = status.publishing {
            notes.push(format!(
                "Publishing: generation {generation}, not yet applied by every worker"
            ));
        }
        if let Some(pid) = status.teal.older_pid {
            notes.push(format!(
                "Upgraded: the older Teal, process {pid}, is finishing its last requests"
            ));
        }
        if let Some(Rollback { to, version, until }) = &self.service.rollback {
            let until =
                until.as_ref().map_or_else(String::new, |until| format!(" until {}", when(until)));
            notes
                .push(format!("Rollback: possible to {}{until}", running(*to, version.as_deref())));
        }
        notes.iter().map(|note| clean(note)).collect()
    }
}

/// The books of a service: what was lost first, since that is the promise.
fn balance(books: &Books) -> String {
    let Books { accepted, answered, aborted, in_flight, lost } = *books;
    let [lost, accepted, blue, green] = [lost, accepted, answered.blue, answered.green].map(count);
    let [teal, aborted, in_flight] = [answered.teal, aborted, in_flight].map(count);
    format!(
        "Lost {lost} of {accepted}: blue {blue} + green {green} + Teal {teal} + aborted {aborted} + in flight {in_flight}"
    )
}
