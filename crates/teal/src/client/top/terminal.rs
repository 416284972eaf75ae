//! The terminal while a screen is on it: keys one by one, no echo, the alternate screen, no cursor; and as before at
//! every end, also after a panic.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};
use std::panic;
use std::sync::{Mutex, Once, PoisonError};
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use super::output::{Output, Pictures};
use crate::exit::Failure;

/// Enters the alternate screen and hides the cursor.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
/// Undoes that, and whatever style was left.
const LEAVE: &str = "\x1b[0m\x1b[?25h\x1b[?1049l";

/// The longest wait for a terminal that is given back: one that nobody reads is left as it is.
const PATIENCE: Duration = Duration::from_secs(1);

/// The size of a terminal that does not know its own.
const USUAL: (u16, u16) = (80, 24);

/// The terminal as it was. It is here because a panic must find it.
static BEFORE: Mutex<Option<Before>> = Mutex::new(None);

/// Makes a panic restore the terminal before it prints its message.
static HOOK: Once = Once::new();

struct Before {
    terminal: OwnedFd,
    settings: Termios,
    output: Output,
}

/// A terminal with a screen on it; dropping it restores the terminal.
#[derive(Debug)]
pub(super) struct Screen {
    terminal: File,
    output: Output,
    pictures: Pictures,
}

impl Screen {
    /// Takes the terminal over.
    pub(super) fn enter(terminal: impl AsFd) -> Result<Self, Failure> {
        HOOK.call_once(|| {
            let told = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                restore();
                told(info);
            }));
        });
        let terminal = terminal.as_fd().try_clone_to_owned().map_err(failed)?;
        let terminal = File::from(terminal);
        let output = Output::to(terminal.try_clone().map_err(failed)?);
        let pictures = Pictures::on(output.clone());
        let screen = Self { terminal, output, pictures };
        screen.take_over()?;
        Ok(screen)
    }

    /// Gives the terminal back, stops this process as Ctrl-Z does, and takes the terminal again once it goes on.
    pub(super) fn suspend(&self) -> Result<(), Failure> {
        restore();
        // The shell takes the terminal when it sees that this process has stopped.
        kill_process(getpid(), Signal::STOP).map_err(failed)?;
        self.take_over()
    }

    fn take_over(&self) -> Result<(), Failure> {
        let settings = tcgetattr(&self.terminal).map_err(failed)?;
        let mut raw = settings.clone();
        raw.make_raw();
        let terminal = self.terminal.as_fd().try_clone_to_owned().map_err(failed)?;
        *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Before { terminal, settings, output: self.output.clone() });
        tcsetattr(&self.terminal, OptionalActions::Now, &raw).map_err(failed)?;
        match self.output.write_within(ENTER, PATIENCE) {
            // It is written once somebody reads again.
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Ok(()),
            end => end.map_err(failed),
        }
    }

    /// The width and the height in cells.
    pub(super) fn size(&self) -> (u16, u16) {
        match tcgetwinsize(&self.terminal) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col, size.ws_row),
            _ => USUAL,
        }
    }

    /// The pictures for the terminal.
    pub(super) fn pictures(&mut self) -> &mut Pictures {
        &mut self.pictures
    }
}

fn failed(error: impl Into<io::Error>) -> Failure {
    Failure::failed(format!("cannot use this terminal: {}", error.into()))
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// Makes the terminal as it was; once.
fn restore() {
    let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(Before { terminal, settings, output }) = before else { return };
    // A terminal that has hung up can't be restored, and need not be.
    if terminal.is_terminal() {
        let _gone_or_not_read = output.write_within(LEAVE, PATIENCE);
        let _gone = tcsetattr(&terminal, OptionalActions::Now, &settings);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    /// A process has one screen: its tests take turns.
    static TURN: Mutex<()> = Mutex::new(());

    #[test]
    fn a_terminal_that_nobody_reads_is_given_back_in_time() {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let (near, far) = testkit::pseudo_terminal().expect("a pseudo-terminal");
        let settings = || tcgetattr(&far).expect("settings").local_modes;
        let before = settings();
        let mut screen = Screen::enter(&far).expect("a screen");
        // More than a terminal takes without a reader.
        screen.pictures().show("x".repeat(1 << 20)).expect("it is taken");
        let began = std::time::Instant::now();
        drop(screen);
        assert!(began.elapsed() < 10 * PATIENCE, "{:?}", began.elapsed());
        assert_eq!(settings(), before);
        drop(near);
    }

    #[test]
    fn a_panic_leaves_the_terminal_as_it_was() {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut near, far) = testkit::pseudo_terminal().expect("a pseudo-terminal");
        let settings = || tcgetattr(&far).expect("settings");
        let before = settings();
        let died = panic::catch_unwind(|| {
            let _screen = Screen::enter(&far).expect("a screen");
            assert_ne!(settings().local_modes, before.local_modes);
            panic!("as if something were wrong");
        });
        assert!(died.is_err());
        let after = settings();
        assert_eq!(after.local_modes, before.local_modes);
        assert_eq!(
            (after.input_modes, after.output_modes),
            (before.input_modes, before.output_modes)
        );
        let mut shown = [0; 256];
        let count = near.read(&mut shown).expect("read");
        assert_eq!(String::from_utf8_lossy(&shown[..count]), format!("{ENTER}{LEAVE}"));
    }
}
