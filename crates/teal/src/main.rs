//! `teal`: one program for the server, its command line and its demo.
//!
//! This file is the table of contents: each command and the module that carries it out.

#![forbid(unsafe_code)]

mod cli;
mod client;
mod drill;
mod environment;
mod exit;
mod generate;
mod level;
mod log;
mod manual;
mod run;
mod show;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, JournalVerb, TokenVerb, Verb, WaitFor};
use exit::{Exit, Failure};

fn main() -> ExitCode {
    // `teal run` becomes the parent, which starts it once more as a child. This happens before anything
    // is read, since that process stays as small as it is now.
    if std::env::args_os().nth(1).is_some_and(|verb| verb == "run") && !parent::is_child() {
        return parent::run();
    }
    let outcome = match Cli::try_parse() {
        Ok(cli) => carried_out(cli.verb),
        Err(told) => Ok(misused(&told)),
    };
    match show::end(outcome) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            if wants_json() {
                show::failure_as_json(&failure);
            }
            show::failure(&failure);
            failure.exit.into()
        }
    }
}

fn carried_out(verb: Verb) -> Outcome {
    match verb {
        Verb::Init(args) => client::init::init(&args),
        Verb::Run(args) => run::run(&args),
        Verb::Check(args) => client::check::check(&args),
        Verb::Status(args) => client::status::status(&args),
        Verb::Top(args) => client::top::top(&args),
        Verb::Active(args) => client::status::active(&args.of),
        Verb::Idle(args) => client::status::idle(&args.of),
        Verb::Switch(args) => client::switch::switch(&args),
        Verb::Rollback(args) => client::switch::rollback(&args),
        Verb::Deploy(args) => client::deploy::deploy(&args),
        Verb::Sweep(args) => client::deploy::sweep(&args),
        Verb::Wait(args) => match args.what {
            WaitFor::Drained(args) => client::wait::drained(&args),
        },
        Verb::History(args) => client::history::history(&args),
        Verb::Receipt(args) => client::receipt::receipt(&args),
        Verb::Deploys(args) => client::deploys::deploys(&args),
        Verb::Rollout(args) => client::rollout::rollout(&args),
        Verb::Retire(args) => client::retire::retire(&args),
        Verb::Preview(args) => client::preview::preview(&args),
        Verb::Hold(args) => client::hold::hold(&args),
        Verb::Resume(args) => client::hold::resume(&args),
        Verb::Maintenance(args) => client::maintenance::run(&args),
        Verb::Notify(args) => client::notify::notify(&args),
        Verb::Reload(args) => client::reload::reload(&args),
        Verb::Trace(args) => client::trace::trace(&args),
        Verb::LogLevel(args) => client::log_level::log_level(&args),
        Verb::Upgrade(args) => client::upgrade::upgrade(&args),
        Verb::Token(args) => match args.what {
            TokenVerb::New(args) => client::token::new(&args),
        },
        Verb::Journal(args) => match args.what {
            JournalVerb::Dump(args) => client::journal::dump(&args),
        },
        Verb::Drill(args) => drill::drill(&args),
        Verb::Demo(args) => drill::demo(&args),
        Verb::Completions(args) => Ok(client::completions::completions(&args)),
        Verb::Version(args) => client::version::version(&args),
        Verb::Supervise => client::deploy::supervise(),
        Verb::DemoTarget(args) => drill::demo_target(args),
        Verb::Generate(args) => generate::generate(&args),
    }
}

/// Prints the problem with the arguments, or the output of `--help` or `--version`.
fn misused(told: &clap::Error) -> Exit {
    let exit = show::usage(told);
    if exit == Exit::Usage && wants_json() {
        let text = told.render().to_string();
        show::failure_as_json(&Failure::usage(text.trim_start_matches("error: ").trim_end()));
    }
    exit
}

/// Returns true if JSON output is wanted, as far as the arguments can be parsed.
fn wants_json() -> bool {
    std::env::args_os().skip(1).take_while(|word| word != "--").any(|word| word == "--json")
}

/// The result of a command.
type Outcome = Result<Exit, Failure>;
