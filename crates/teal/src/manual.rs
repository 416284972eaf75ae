//! The manual pages of all commands, generated from their arguments: `teal.1`, `teal-deploy.1` and so on.
//!
//! They are the texts of `--help`. The page of the configuration, `teal.toml.5`, is made from its schema elsewhere.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::cli::Cli;
use crate::exit::Exit;

/// The definition of an apostrophe, which every section repeats.
const APOSTROPHE: &str = ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n";

/// All pages by the name of their file.
pub(crate) fn pages() -> io::Result<BTreeMap<String, String>> {
    let mut root = Cli::command();
    root.build();
    let mut pages = BTreeMap::new();
    add(&mut pages, root)?;
    Ok(pages)
}

/// Adds the page of a command, and those of its subcommands.
fn add(pages: &mut BTreeMap<String, String>, command: Command) -> io::Result<()> {
    for inner in command.get_subcommands().filter(|inner| is_documented(inner)) {
        add(pages, inner.clone())?;
    }
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    pages.insert(format!("{name}.1"), page(&name, command)?);
    Ok(())
}

fn is_documented(command: &Command) -> bool {
    !command.is_hide_set() && command.get_name() != "help"
}

fn page(name: &str, command: Command) -> io::Result<String> {
    let is_root = name == command.get_name();
    let has_arguments = command.get_arguments().any(|argument| !argument.is_hide_set());
    let has_commands = command.get_subcommands().any(is_documented);
    let man = Man::new(command);
    let mut page = Vec::new();
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    if has_arguments {
        man.render_options_section(&mut page)?;
    }
    if has_commands {
        man.render_subcommands_section(&mut page)?;
    }
    let sections = String::from_utf8_lossy(&page).replace(APOSTROPHE, "");
    let (title, version) = (name.to_uppercase(), env!("CARGO_PKG_VERSION"));
    // Without a date: the page depends on nothing but the program.
    let mut page = format!("{APOSTROPHE}.TH {title} 1 \"\" \"teal {version}\" Teal\n{sections}");
    if is_root {
        page.push_str(&exit_status());
    }
    page.push_str(".SH \"SEE ALSO\"\n");
    page.push_str(if is_root { "" } else { ".BR teal (1),\n" });
    page.push_str(".BR teal.toml (5)\n");
    Ok(page)
}

fn exit_status() -> String {
    let mut section = ".SH \"EXIT STATUS\"\n".to_owned();
    for (exit, meaning) in Exit::ALL {
        let _never_fails = write!(section, ".TP\n.B {}\n{meaning}\n", exit as u8);
    }
    section
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_and_no_hidden_one_does() {
        let pages = pages().expect("pages are written to memory");
        for name in ["teal.1", "teal-deploy.1", "teal-token.1", "teal-token-new.1"] {
            let page = &pages[name];
            assert_eq!(page.matches(APOSTROPHE).count(), 1, "{name}: {page}");
            assert!(page.contains(".SH NAME") && page.contains("SEE ALSO"), "{name}: {page}");
        }
        for name in ["teal-supervise.1", "teal-demo-target.1", "teal-help.1"] {
            assert!(!pages.contains_key(name), "{name}");
        }
        assert!(pages["teal.1"].contains(".SH \"EXIT STATUS\"\n.TP\n.B 0\ndone;"));
    }
}
