//! `teal completions`.

use clap::CommandFactory;

use crate::cli::{Cli, CompletionsArgs};
use crate::exit::Exit;
use crate::show;

/// Prints the completions of a shell.
pub(crate) fn completions(args: &CompletionsArgs) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "teal", &mut script);
    show::document(&String::from_utf8_lossy(&script));
    Exit::Done
}
