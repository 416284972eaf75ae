//! Command lines of an application: their words, and how a shell and a unit of systemd write them.
//!
//! `{service}`, `{color}`, `{version}` and `{port}` stand for what an environment gets. A shell finds them in the
//! variables of a hook, a unit in those of its `EnvironmentFile=`.

/// The placeholders, with the variables of a hook and of a unit that have the same.
const PLACEHOLDERS: [(&str, &str, &str); 4] = [
    ("{service}", "$TEAL_SERVICE", "{service}"),
    ("{color}", "$TEAL_COLOR", "${COLOR}"),
    ("{version}", "$TEAL_VERSION", "${VERSION}"),
    ("{port}", "$TEAL_PORT", "${PORT}"),
];

/// Splits a line into words, as a shell would.
pub(crate) fn words(line: &str) -> Result<Vec<String>, String> {
    match shlex::split(line) {
        Some(words) if words.is_empty() => {
            Err("the command is empty; write one such as ./app --port {port}".to_owned())
        }
        Some(words) => Ok(words),
        None => Err(format!("{line:?} has a quote without its end; close it")),
    }
}

/// A word of the line, in pieces: text, and placeholders by their index.
fn pieces(word: &str) -> Vec<Result<&str, usize>> {
    let mut pieces = Vec::new();
    let mut rest = word;
    loop {
        let found = PLACEHOLDERS.iter().enumerate();
        let found = found.filter_map(|(index, (name, ..))| Some((rest.find(name)?, index)));
        let Some((at, index)) = found.min() else { break };
        let (before, after) = rest.split_at(at);
        if !before.is_empty() {
            pieces.push(Ok(before));
        }
        pieces.push(Err(index));
        rest = after.get(PLACEHOLDERS[index].0.len()..).unwrap_or_default();
    }
    if !rest.is_empty() || word.is_empty() {
        pieces.push(Ok(rest));
    }
    pieces
}

/// The words as a shell reads them, with the variables of a hook.
pub(crate) fn for_shell(words: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    let written = words.iter().map(|word| {
        if !word.is_empty() && word.chars().all(plain) {
            return word.clone();
        }
        let inside = pieces(word).into_iter().map(|piece| match piece {
            Ok(text) => escaped(text, &['\\', '"', '$', '`'], '\\'),
            Err(index) => PLACEHOLDERS[index].1.to_owned(),
        });
        // A name ends at a quote, whatever follows it.
        let parts: Vec<String> = inside.map(|part| format!("\"{part}\"")).collect();
        parts.concat()
    });
    written.collect::<Vec<_>>().join(" ")
}

/// The words as `ExecStart=` reads them, with the variables of the unit.
pub(crate) fn for_unit(words: &[String], service: &str) -> String {
    let written = words.iter().map(|word| {
        let inside = pieces(word).into_iter().map(|piece| match piece {
            Ok(text) => {
                let text = escaped(text, &['\\', '"'], '\\');
                text.replace('%', "%%").replace('$', "$$")
            }
            Err(index) => PLACEHOLDERS[index].2.replace("{service}", service),
        });
        let inside = inside.collect::<String>();
        let quoted = inside.is_empty() || inside.contains([' ', '\t', '"', '\'', '\\', ';']);
        if quoted { format!("\"{inside}\"") } else { inside }
    });
    written.collect::<Vec<_>>().join(" ")
}

/// Checks that systemd can start the program.
pub(crate) fn of_unit(words: &[String]) -> Result<(), String> {
    let program = words.first().map_or("", String::as_str);
    if !program.starts_with('/') {
        let name = program.rsplit('/').next().unwrap_or_default();
        return Err(format!(
            "{program:?} is not an absolute path, which systemd needs; write it as \"/usr/local/bin/{name}\""
        ));
    }
    if pieces(program).iter().any(Result::is_err) {
        return Err(format!(
            "{program:?}: systemd replaces nothing in the program itself; write placeholders in its arguments"
        ));
    }
    if words.iter().any(|word| word.contains(['\n', '\r'])) {
        return Err("a unit has each command on one line; leave the line break out".to_owned());
    }
    Ok(())
}

fn escaped(text: &str, marks: &[char], by: char) -> String {
    text.chars().fold(String::new(), |mut text, c| {
        if marks.contains(&c) {
            text.push(by);
        }
        text.push(c);
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Vec<String> {
        words(line).expect(line)
    }

    #[test]
    fn a_shell_gets_the_words_that_were_written() {
        let line = r#"./app --port {port} 'it is $5 "now"' --tag={version}x """#;
        let shell = for_shell(&of(line));
        assert_eq!(
            shell,
            r#"./app --port "$TEAL_PORT" "it is \$5 \"now\"" "--tag=""$TEAL_VERSION""x" """#
        );
        let script = format!("for word in {shell}; do printf '%s|' \"$word\"; done");
        let ran = std::process::Command::new("sh")
            .args(["-c", &script])
            .env("TEAL_PORT", "8081")
            .env("TEAL_VERSION", "v1")
            .output()
            .expect("a shell");
        let said = String::from_utf8_lossy(&ran.stdout).into_owned();
        assert_eq!(said, r#"./app|--port|8081|it is $5 "now"|--tag=v1x||"#);
    }

    #[test]
    fn a_unit_gets_the_words_that_were_written() {
        let line = "/opt/app --port {port} '100% of $5' {service}-{color}";
        assert_eq!(
            for_unit(&of(line), "web"),
            "/opt/app --port ${PORT} \"100%% of $$5\" web-${COLOR}"
        );
    }

    #[test]
    fn a_command_that_cannot_be_started_is_refused() {
        for (line, why) in [("", "empty"), ("   ", "empty"), ("./app 'x", "quote")] {
            assert!(words(line).is_err_and(|said| said.contains(why)), "{line:?}");
        }
        for (line, why) in [
            ("./app", "absolute"),
            ("app", "/usr/local/bin/app"),
            ("/opt/{version}/app", "arguments"),
            ("/opt/app 'a\nb'", "one line"),
        ] {
            let said = of_unit(&of(line)).expect_err(line);
            assert!(said.contains(why), "{line:?}: {said}");
        }
    }
}
