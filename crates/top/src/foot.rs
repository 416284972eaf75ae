//! The last line: the keys that do something now.

use contract::wire::Service;

use crate::canvas::Canvas;
use crate::palette::{FAINT, PLAIN, STRONG};

/// The keys of a view.
#[derive(Clone, Copy, Debug)]
pub(crate) enum KeysOf<'s> {
    /// A service, and whether there are others.
    Service(&'s Service, bool),
    /// The list.
    List,
    /// The filter of the list.
    Filter,
}

pub(crate) fn draw(canvas: &mut Canvas<'_>, of: KeysOf<'_>) {
    let all;
    let keys: &[(&str, &str)] = match of {
        KeysOf::Service(service, is_one_of_many) => {
            let hold = if service.held.is_some() { "resume" } else { "hold" };
            all = [
                ("s", "switch"),
                ("r", "rollback"),
                ("h", hold),
                ("?", "help"),
                ("q", "quit"),
                ("Esc", "all services"),
                ("/", "find"),
            ];
            &all[..if is_one_of_many { all.len() } else { all.len() - 2 }]
        }
        KeysOf::List => {
            &[("↑↓", "choose"), ("Enter", "open"), ("/", "filter"), ("?", "help"), ("q", "quit")]
        }
        KeysOf::Filter => &[("Enter", "open"), ("↑↓", "choose"), ("Esc", "all services")],
    };
    let area = canvas.area();
    let y = area.height - 1;
    let mut x = 0;
    for (key, does) in keys {
        let pieces = [(*key, STRONG), (" ", PLAIN), (*does, FAINT)];
        x = canvas.pieces(x, y, area.width.saturating_sub(x), &pieces) + 2;
    }
}
