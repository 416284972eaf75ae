//! `teal.toml(5)`: every key of the configuration file, from its schema.

use std::fmt::Write as _;

use serde_json::Value;

use crate::reference::{Key, Table, tables};

const OPENING: &str = "\
`/etc/teal/teal.toml` is the configuration of the packaged service; `teal run --config FILE` reads any other one. The \
format is TOML. `teal check --config FILE` reports all problems of a file at once, with line and column, and `teal \
reload` puts a changed file in force.

Durations are text: whole numbers with the units `h`, `m`, `s`, `ms`, larger ones first, such as `\"1m30s\"`; longer \
than zero and at most 720 hours. Sizes are a whole number of bytes, or text with a unit `B`, `kB`, `KiB`, `MB`, `MiB`, \
`GB`, `GiB`, `TiB`. Unknown keys are refused.";

const EXAMPLE: &str = "\
[[listener]]
address = \"0.0.0.0:8080\"

[[service]]
name = \"web\"
blue = { targets = [\"http://127.0.0.1:8081\"] }
green = { targets = [\"http://127.0.0.1:8082\"] }
health = { path = \"/health\" }
";

/// The page, for `man`.
pub(crate) fn page(schema: &Value, version: &str) -> String {
    let mut page = format!(
        ".TH TEAL.TOML 5 \"\" \"teal {version}\" Teal\n.SH NAME\nteal.toml \\- configuration of the proxy Teal\n\
         .SH DESCRIPTION\n"
    );
    for paragraph in OPENING.split("\n\n") {
        page.push_str(&text(paragraph));
        page.push_str(".PP\n");
    }
    // infallible: all writes go into a String
    let _ = write!(page, ".SH EXAMPLE\n.nf\n{}.fi\n", example());
    for table in tables(schema) {
        add(&mut page, &table);
    }
    page.push_str(
        ".SH \"SEE ALSO\"\n.BR teal (1),\n.BR teal\\-check (1),\n.BR teal\\-reload (1)\n",
    );
    page
}

fn add(page: &mut String, table: &Table) {
    let title = table.title.replace('`', "");
    let title = if title.starts_with('[') { title } else { title.to_uppercase() };
    let _ = writeln!(page, ".SH \"{}\"", escaped(&title));
    for paragraph in &table.about {
        page.push_str(&text(paragraph));
        page.push_str(".PP\n");
    }
    for Key { name, kind, default, meaning } in &table.keys {
        let default = match &**default {
            "" => String::new(),
            "required" => ", required".to_owned(),
            default => format!(", default {default}"),
        };
        let facts = format!("{kind}{default}");
        let facts = text(&facts);
        let _ = write!(page, ".TP\n.B {}\n({})\n", escaped(name), facts.trim_end());
        page.push_str(&text(meaning));
    }
}

fn example() -> String {
    EXAMPLE.lines().map(|line| protected(&escaped(line)) + "\n").collect()
}

/// A paragraph of Markdown as one line: what is between backticks becomes bold.
fn text(markdown: &str) -> String {
    let pieces = markdown.split('`').enumerate();
    let pieces = pieces.map(|(at, piece)| match (at % 2, piece) {
        (0, _) | (_, "") => escaped(piece),
        _ => format!("\\fB{}\\fR", escaped(piece)),
    });
    protected(&pieces.collect::<String>()) + "\n"
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-").replace('"', "\\(dq").replace('\'', "\\(aq")
}

/// Protects a line that would begin with a request.
fn protected(line: &str) -> String {
    if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_every_table_and_no_markdown() {
        let page = page(&config::schema(), "1.2.3");
        for words in [".TH TEAL.TOML 5", ".SH \"[[listener]]\"", ".B address\n", "teal 1.2.3"] {
            assert!(page.contains(words), "{words} in {page}");
        }
        assert!(!page.contains('`'));
    }

    #[test]
    fn text_that_roff_would_take_for_its_own_is_protected() {
        assert_eq!(text("`.x` is \"a\\b\""), "\\fB.x\\fR is \\(dqa\\eb\\(dq\n");
        assert_eq!(text(".x"), "\\&.x\n");
    }
}
