//! The environment that a runner is asked about: service, color, version and port.
//!
//! Every value is safe to write into an environment variable, an environment file and a command line as it is.

use std::fmt;

use rules::{Color, ServiceName, Version};

/// One environment of a service, as a deploy wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// The service.
    pub service: ServiceName,
    /// The color that it is deployed to.
    pub color: Color,
    /// The version to run; `None` if nobody has named one.
    pub version: Option<Version>,
    /// The port on loopback that its target listens on.
    pub port: Port,
}

/// The port of an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// This one.
    Fixed(u16),
    /// One that the runner chooses when it starts the environment.
    Auto,
    /// None: the target is a Unix socket, or the runner knows its address.
    None,
}

// === impl Environment, Port ===

impl Environment {
    /// The variables that tell a program its environment; empty where something is not known.
    pub(crate) fn variables(&self, port: Option<u16>) -> [(&'static str, String); 4] {
        let version = self.version.as_ref().map(ToString::to_string);
        [
            ("TEAL_SERVICE", self.service.to_string()),
            ("TEAL_COLOR", self.color.to_string()),
            ("TEAL_VERSION", version.unwrap_or_default()),
            ("TEAL_PORT", port.map(|port| port.to_string()).unwrap_or_default()),
        ]
    }

    /// Puts the environment in the place of `{service}`, `{color}`, `{version}` and `{port}`. Other braces stay as
    /// they are. The error says what is not known.
    pub(crate) fn fill(&self, text: &str, port: Option<u16>) -> Result<String, String> {
        let mut filled = text.to_owned();
        for ((_, value), name) in
            self.variables(port).iter().zip(["{service}", "{color}", "{version}", "{port}"])
        {
            if value.is_empty() && filled.contains(name) {
                return Err(format!("{text:?} needs a value for {name}, and {self} has none"));
            }
            filled = filled.replace(name, value);
        }
        Ok(filled)
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.service, self.color)
    }
}

impl Port {
    /// The number, if it is known before anything is started.
    pub fn number(self) -> Option<u16> {
        match self {
            Self::Fixed(number) => Some(number),
            Self::Auto | Self::None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_and_other_braces_stay() {
        let mut environment = Environment {
            service: ServiceName::new("web").expect("a name"),
            color: Color::Blue,
            version: Version::new("v42").ok(),
            port: Port::Auto,
        };
        let text = "{service}-{color}:{port} ${HOME} {version}{version} {}";
        let filled = environment.fill(text, Some(8081));
        assert_eq!(filled.as_deref(), Ok("web-blue:8081 ${HOME} v42v42 {}"));
        environment.version = None;
        let error = environment.fill("app:{version}", None).expect_err("there is none");
        assert_eq!(error, "\"app:{version}\" needs a value for {version}, and web (blue) has none");
    }
}
