//! The bytes for the terminal, written by a thread of their own: a terminal that nobody reads any more blocks that
//! thread, and neither keys nor signals nor the connection to Teal.

use std::fs::File;
use std::io::{self, Write};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc;

/// The end of a piece of output.
type Told = Box<dyn FnOnce(io::Result<()>) + Send>;

/// The way to the thread that writes.
#[derive(Clone)]
pub(super) struct Output(Sender<(String, Told)>);

/// Pictures, one at a time.
#[derive(Debug)]
pub(super) struct Pictures {
    output: Output,
    ends: (mpsc::UnboundedSender<io::Result<()>>, mpsc::UnboundedReceiver<io::Result<()>>),
    is_busy: bool,
}

impl std::fmt::Debug for Output {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Output")
    }
}

impl Output {
    /// Starts the thread that writes to this terminal; it ends with the last of its senders.
    pub(super) fn to(mut terminal: File) -> Self {
        let (sender, pieces) = channel::<(String, Told)>();
        thread::spawn(move || {
            for (bytes, told) in pieces {
                told(terminal.write_all(bytes.as_bytes()));
            }
        });
        Self(sender)
    }

    /// Writes after everything before, and waits for it at most this long.
    pub(super) fn write_within(&self, bytes: &str, limit: Duration) -> io::Result<()> {
        let (sender, told) = channel();
        let tell: Told = Box::new(move |end| {
            let _nobody_waits = sender.send(end);
        });
        self.send(bytes.to_owned(), tell)?;
        told.recv_timeout(limit)
            .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "nobody reads it")))
    }

    fn send(&self, bytes: String, told: Told) -> io::Result<()> {
        self.0.send((bytes, told)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Pictures {
    pub(super) fn on(output: Output) -> Self {
        Self { output, ends: mpsc::unbounded_channel(), is_busy: false }
    }

    /// Returns true while a picture is being written: the terminal takes no other.
    pub(super) fn is_busy(&self) -> bool {
        self.is_busy
    }

    /// Has a picture written; [`Pictures::written`] tells its end.
    pub(super) fn show(&mut self, bytes: String) -> io::Result<()> {
        let ended = self.ends.0.clone();
        let tell: Told = Box::new(move |end| {
            let _nobody_waits = ended.send(end);
        });
        self.output.send(bytes, tell)?;
        self.is_busy = true;
        Ok(())
    }

    /// Waits until a picture is written.
    pub(super) async fn written(&mut self) -> io::Result<()> {
        let end = self.ends.1.recv().await;
        self.is_busy = false;
        end.unwrap_or(Ok(())) // never: this has a sender
    }
}
