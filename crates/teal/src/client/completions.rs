//! `teal completions`.

use clap::{Arg, Command, CommandFactory, ValueHint};

use crate::cli::{Cli, CompletionsArgs};
use crate::exit::Exit;
use crate::show;

/// Prints shell completions.
pub(crate) fn completions(args: &CompletionsArgs) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut hinted(Cli::command()), "teal", &mut script);
    show::document(&String::from_utf8_lossy(&script));
    Exit::Done
}

/// Offers files only for arguments that are files. A shell would offer them for every argument without a
/// hint.
fn hinted(command: Command) -> Command {
    command.mut_args(hint).mut_subcommands(hinted)
}

fn hint(argument: Arg) -> Arg {
    let names = argument.get_value_names().unwrap_or_default();
    let hint = match names.first().map(clap::builder::Str::as_str) {
        Some("FILE") => ValueHint::FilePath,
        Some("DIR") => ValueHint::DirPath,
        _ => ValueHint::Other,
    };
    if argument.get_action().takes_values() { argument.value_hint(hint) } else { argument }
}
