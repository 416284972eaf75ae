//! `teal top` in a pseudo-terminal, in front of a real Teal: what it shows, what its keys do, how it ends.

mod ends;
mod once;
mod switches;
mod trust;

use std::num::NonZero;
use std::time::Duration;

use testkit::{OnTerminal, Settings, Target, Teal, wait_for_ok};

/// The program under test.
const TEAL: &str = env!("CARGO_BIN_EXE_teal");

/// For what should happen at once, on a busy machine too.
const SOON: Duration = Duration::from_secs(20);

/// Two targets, a Teal in front of them, and `teal top` on a terminal of its own.
struct Watched {
    _blue: Target,
    green: Target,
    teal: Teal,
    top: OnTerminal,
}

impl Watched {
    /// The usual settings.
    #[track_caller]
    fn new() -> Self {
        Self::with(|settings| settings, &[])
    }

    /// These settings, and these variables for `teal top`.
    #[track_caller]
    fn with(adjust: impl FnOnce(Settings) -> Settings, environment: &[(&str, &str)]) -> Self {
        let (blue, green) = (Target::start("blue"), Target::start("green"));
        let teal = Teal::start_healthy(TEAL, &adjust(Settings::new(&blue, &green)));
        let top = opened(&teal, environment);
        let watched = Self { _blue: blue, green, teal, top };
        watched.shows(&["● connected"]);
        watched
    }

    /// Waits until all of these words are on the screen; returns the screen.
    #[track_caller]
    fn shows(&self, words: &[&str]) -> String {
        shows(&self.top, words)
    }

    /// Checks what must hold at the end of every test.
    fn finish(self) {
        self.teal.assert_books_balance();
    }
}

/// Starts `teal top` on a terminal of 80×24. It reaches Teal by its socket, which outlives a restart.
#[track_caller]
fn opened(teal: &Teal, environment: &[(&str, &str)]) -> OnTerminal {
    let admin = format!("unix:{}/admin.sock", teal.state_dir().display());
    let mut all = vec![("TEAL_ADMIN", &*admin)];
    all.extend(environment);
    let top = OnTerminal::start_with_keyboard(teal.program(), ["top"], &all);
    top.resize(80, 24);
    top
}

/// The screen as a person sees it now.
fn screen(top: &OnTerminal) -> vt100::Parser {
    let size = |cells| NonZero::new(cells).expect("not zero");
    let mut parser = vt100::Parser::new(size(24), size(80), 0);
    parser.process(&top.bytes());
    parser
}

#[track_caller]
fn shows(top: &OnTerminal, words: &[&str]) -> String {
    wait_for_ok(SOON, &format!("{words:?} on the screen"), || {
        let shown = screen(top).screen().contents();
        if words.iter().all(|word| shown.contains(word)) { Ok(shown) } else { Err(shown) }
    })
}

/// Checks that the program has ended with this code and left the terminal as a shell expects it.
#[track_caller]
fn ended(top: &mut OnTerminal, code: i32) {
    let ended = top.wait(SOON);
    assert_eq!(ended, Some(code), "{}", top.shown());
    assert!(top.is_as_usual());
    let parser = screen(top);
    assert!(!parser.screen().alternate_screen() && !parser.screen().hide_cursor());
}
