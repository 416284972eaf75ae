//! A valid file to spoil, and the messages about a spoiled one.

use std::path::Path;

use config::{Config, Environment, Problems};

/// A small good file with a listener of its own.
pub(crate) const FILE: &str = r#"[[listener]]
address = "0.0.0.0:8080"
[[service]]
name = "web"
blue = { targets = ["http://10.0.0.1:81"] }
green = { targets = ["http://10.0.0.2:82"] }
"#;

/// The beginning of the file for a listener with TLS.
pub(crate) const TLS: &str = r#"[[listener]]
address = "0.0.0.0:8443"
tls = true
client_auth.ca = "clients.pem"
[[certificate]]
cert = "a.pem"
key = "/keys/a.key"
"#;

/// Parses `text` as `teal.toml` in `/etc/teal`, for a user with a home.
pub(crate) fn parse(text: &str) -> Result<Config, Problems> {
    let environment = Environment { home: Some("/home/ops".into()), ..Environment::default() };
    config::parse(text, Path::new("/etc/teal/teal.toml"), &environment)
}

/// Every problem of `text` as `line:column: message`; none if it is good.
pub(crate) fn problems(text: &str) -> Vec<String> {
    let problems = parse(text).err();
    let said = problems.iter().flat_map(Problems::iter).map(|problem| {
        let shown = problem.to_string();
        shown.strip_prefix("/etc/teal/teal.toml:").expect("the path comes first").to_owned()
    });
    said.collect()
}

/// One faulty line in an otherwise good service, and all messages about it.
pub(crate) fn service_line(line: &str) -> Vec<String> {
    let good = "[[service]]\nname = \"web\"\nblue.targets = [\"http://10.0.0.1:81\"]\n\
                green.targets = [\"http://10.0.0.2:82\"]\n";
    problems(&format!("{good}{line}\n"))
}
