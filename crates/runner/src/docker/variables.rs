//! The variables of a container: those of the environment file, those of the configuration, and Teal's own.
//!
//! The values of an environment file may be secrets. They are in no message.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::environment::Environment;

/// The variables as the Engine takes them, `NAME=VALUE`. A later source replaces an earlier one. The error says which
/// file or value is wrong.
pub(super) fn variables(
    env_file: Option<&Path>,
    configured: &BTreeMap<String, String>,
    environment: &Environment,
    port: Option<u16>,
) -> Result<Vec<String>, String> {
    let mut variables = match env_file {
        Some(path) => read(path)?,
        None => BTreeMap::new(),
    };
    for (name, value) in configured {
        variables.insert(name.clone(), environment.fill(value, port)?);
    }
    for (name, value) in environment.variables(port) {
        variables.insert(name.to_owned(), value);
    }
    Ok(variables.into_iter().map(|(name, value)| format!("{name}={value}")).collect())
}

/// Reads a file of `docker run --env-file`: a `NAME=VALUE` in each line, taken as it is, and comments after `#`.
fn read(path: &Path) -> Result<BTreeMap<String, String>, String> {
    let shown = path.display();
    let text = fs::read_to_string(path)
        .map_err(|error| format!("cannot read env_file {shown}: {error}"))?;
    let mut variables = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let variable = line.split_once('=').filter(|(name, value)| {
            !name.is_empty() && !name.contains(char::is_whitespace) && !value.contains('\0')
        });
        let Some((name, value)) = variable else {
            let number = index + 1;
            return Err(format!("{shown}, line {number}: not a variable; write NAME=VALUE"));
        };
        variables.insert(name.to_owned(), value.to_owned());
    }
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use rules::{Color, ServiceName, Version};

    use super::*;
    use crate::environment::Port;

    #[test]
    fn a_later_source_replaces_an_earlier_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("env");
        fs::write(&path, "# a comment\n\nA=1\n  B=\"two\" # no\nTEAL_PORT=1\nC=\n").expect("ours");
        let environment = Environment {
            service: ServiceName::new("web").expect("a name"),
            color: Color::Green,
            version: Version::new("v42").ok(),
            port: Port::None,
        };
        let configured = BTreeMap::from([("A".to_owned(), "{color}-{port}".to_owned())]);
        let all = variables(Some(&path), &configured, &environment, Some(3000)).expect("good");
        let expected = [
            "A=green-3000",
            "B=\"two\" # no",
            "C=",
            "TEAL_COLOR=green",
            "TEAL_PORT=3000",
            "TEAL_SERVICE=web",
            "TEAL_VERSION=v42",
        ];
        assert_eq!(all, expected);
        for (text, words) in [
            ("A=1\nPASSWORD", ", line 2: not a variable; write NAME=VALUE"),
            ("=secret", ", line 1: not a variable"),
            ("export A=secret", ", line 1: not a variable"),
        ] {
            fs::write(&path, text).expect("ours");
            let error = variables(Some(&path), &configured, &environment, None).expect_err(text);
            assert!(error.contains(words) && !error.contains("secret"), "{error}");
        }
        let error = variables(Some(&folder.path().join("no")), &configured, &environment, None);
        assert!(error.expect_err("there is none").starts_with("cannot read env_file "));
        let error = variables(None, &configured, &environment, None).expect_err("no port");
        assert!(error.contains("needs a value for {port}"), "{error}");
    }
}
