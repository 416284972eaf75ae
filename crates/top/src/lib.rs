//! The screen of `teal top`: one service with its two colors side by side, or the list of all services.
//!
//! Documents of the admin API go in ([`Top::read`]), cells of a terminal come out ([`Top::draw`], [`Painter`]); bytes
//! of a keyboard go in ([`Keys`]), and what the person wants comes out ([`Intent`]). Nothing that came over the network reaches
//! the terminal with a control character in it, and no figure is shown that the API did not give.
//!
//! **Never here:** a connection, a clock, a file, a change of a terminal's settings. No single key changes anything.

#![forbid(unsafe_code)]

mod ansi;
mod canvas;
mod column;
mod dialog;
mod foot;
mod head;
mod help;
mod history;
mod key;
mod list;
mod palette;
mod plain;
mod rates;
mod service;
mod top;
mod words;

pub use ansi::Painter;
pub use dialog::{Answer, Call, Outcome, Verb};
pub use key::{Key, Keys};
pub use ratatui_core::{buffer::Buffer, layout::Rect};
pub use top::{Intent, Options, Reading, Top};
