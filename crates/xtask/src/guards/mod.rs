//! Guards as patches: each file in `guards/` removes one guard from the code, and names the tests that
//! must then fail.
//!
//! `cargo xtask guards` applies them one after the other to a copy of the tree, runs the tests that each names,
//! and requires every one of them to fail. A patch that no longer applies, a tree that does not build, and a
//! test that does not exist, hangs, or fails even without the patch are separate errors. The tree itself is
//! never touched.

mod copy;
mod output;
mod page;
mod patch;
mod trial;

use std::path::Path;

use anyhow::{Result, bail, ensure};

pub(crate) use page::page;
pub(crate) use patch::{FOLDER, Guard, MustFail, in_folder};

use copy::Copy;
use trial::{Outcome, Trial};

/// Tries the guards whose names begin with one of these, or all of them; fails if a removal goes unnoticed.
#[expect(clippy::print_stdout, reason = "a command-line tool speaks to its terminal")]
pub(crate) fn run(root: &Path, names: &[&str]) -> Result<()> {
    let all = in_folder(root)?;
    for name in names {
        ensure!(
            all.iter().any(|guard| guard.name.starts_with(name)),
            "no patch in {FOLDER}/ begins with {name:?}"
        );
    }
    let wanted =
        |guard: &Guard| names.is_empty() || names.iter().any(|name| guard.name.starts_with(name));
    let guards: Vec<Guard> = all.into_iter().filter(wanted).collect();
    ensure!(!guards.is_empty(), "{FOLDER}/ has no patches");

    let copy = Copy::of(root)?;
    let trial = Trial::new(&copy);
    println!("the tree as it is");
    let mut broken = 0;
    for (test, outcome) in trial.tests(guards.iter().flat_map(|guard| &guard.tests))? {
        if outcome != Outcome::Passed {
            broken += 1;
            println!("  {test}: {outcome}, with every guard in its place");
        }
    }
    ensure!(broken == 0, "{broken} tests prove nothing: they fail even without a patch");

    let mut wrong = 0;
    for guard in &guards {
        println!("{}: takes out {}", guard.name, guard.takes_out);
        if let Err(why) = guard.apply(&copy.tree()) {
            wrong += 1;
            println!("  error: {why:#}");
            continue;
        }
        let tried = trial.tests(&guard.tests);
        guard.reverse(&copy.tree())?;
        for (test, outcome) in tried? {
            wrong += usize::from(outcome != Outcome::Failed);
            let verdict = if outcome == Outcome::Failed { "noticed by" } else { "NOT NOTICED by" };
            println!("  {verdict} {test}: {outcome}");
        }
    }
    match wrong {
        0 => println!("{} guards, each noticed", guards.len()),
        _ => bail!("{wrong} to fix, listed above; output in {}", copy.logs().display()),
    }
    Ok(())
}
