//! The container that is to be made for an environment: every setting checked and every placeholder filled.

use std::path::Path;

use rules::TargetUrl;
use serde_json::{Map, Value, json};

use crate::environment::{Environment, Port};
use crate::failure::Failure;
use crate::listening::free_port;

use super::container::{COLOR, Container, SERVICE, VERSION, target};
use super::image::Image;
use super::mount::mount;
use super::variables::variables;
use super::{Docker, seconds};

/// A container to make.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) image: Image,
    /// The network by name; `None`: Docker's default.
    pub(super) network: Option<String>,
    /// The body of the request that creates it.
    pub(super) body: Value,
    reach: Reach,
}

/// The route from Teal to the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// By an address that the configuration has.
    Configured,
    /// By this port on loopback, which was chosen.
    Loopback(u16),
    /// By the container's own address, at this port.
    Address(u16),
}

// === impl Docker, Plan ===

impl Docker {
    /// The container of an environment, with a port on loopback if one is to be chosen.
    pub(super) fn plan(&self, environment: &Environment) -> Result<Plan, Failure> {
        let published = match environment.port {
            Port::Auto => Some(free_port()?),
            other => other.number(),
        };
        let reach = match (environment.port, published, self.port) {
            (Port::Auto, Some(port), _) => Reach::Loopback(port),
            (Port::None, _, Some(port)) if self.address => Reach::Address(port),
            _ => Reach::Configured,
        };
        self.planned(environment, published, reach).map_err(Failure::usage)
    }

    /// The name of the container.
    pub(super) fn name_of(&self, environment: &Environment) -> Result<String, Failure> {
        let name = environment.fill(&self.container, None).map_err(Failure::usage)?;
        if is_name(&name) && name.len() > 1 {
            return Ok(name);
        }
        Err(Failure::usage(format!(
            "{name:?} is not the name of a container: use letters, digits and _.-"
        )))
    }

    fn planned(
        &self,
        environment: &Environment,
        published: Option<u16>,
        reach: Reach,
    ) -> Result<Plan, String> {
        let port = self.port.or(published);
        let fill = |text: &str| environment.fill(text, port);
        let image = Image::new(fill(&self.image)?)?;
        let network = self.network.as_deref().map(fill).transpose()?;
        if let Some(network) = &network {
            check_network(network, published.is_some() || matches!(reach, Reach::Address(_)))?;
        }
        let env_file = self.env_file.as_deref().map(|path| {
            fill(path.to_str().ok_or_else(|| format!("{} is not UTF-8", path.display()))?)
        });
        let env_file = env_file.transpose()?;
        let env_file = env_file.as_deref().map(Path::new);
        let mounts = self.mounts.iter().map(|text| mount(&fill(text)?));
        let command: Result<Vec<String>, String> =
            self.command.iter().map(|word| fill(word)).collect();
        // An address of the container's own may be another's after a restart, and Teal would send requests there.
        let restart = if matches!(reach, Reach::Address(_)) { "no" } else { "unless-stopped" };
        let mut body = json!({
            "Image": image.as_str(),
            "Env": variables(env_file, &self.env, environment, port)?,
            "Labels": self.labels_of(environment)?,
            "StopTimeout": seconds(self.stop_timeout),
            "HostConfig": {
                "Mounts": mounts.collect::<Result<Vec<Value>, String>>()?,
                "NetworkMode": network.as_deref().unwrap_or("default"),
                "RestartPolicy": {"Name": restart},
            },
        });
        let command = command?;
        if !command.is_empty() {
            body["Cmd"] = command.into();
        }
        if let Some(port) = port {
            let inside = format!("{port}/tcp");
            body["ExposedPorts"] = json!({&*inside: {}});
            if let Some(published) = published {
                let host = json!({"HostIp": "127.0.0.1", "HostPort": published.to_string()});
                body["HostConfig"]["PortBindings"] = json!({&*inside: [host]});
            }
        }
        let name = self.name_of(environment).map_err(|failure| failure.message)?;
        Ok(Plan { name, image, network, body, reach })
    }

    fn labels_of(&self, environment: &Environment) -> Result<Map<String, Value>, String> {
        let mut labels = Map::new();
        for (key, value) in &self.labels {
            if key.is_empty() || key.starts_with("teal.") {
                return Err(format!("the label {key:?} is Teal's: use another name"));
            }
            labels.insert(key.clone(), environment.fill(value, None)?.into());
        }
        labels.insert(SERVICE.to_owned(), environment.service.to_string().into());
        labels.insert(COLOR.to_owned(), environment.color.to_string().into());
        if let Some(version) = &environment.version {
            labels.insert(VERSION.to_owned(), version.to_string().into());
        }
        Ok(labels)
    }
}

impl Plan {
    /// The target to tell. `Ok(None)`: the configuration has it. The error says why there is none.
    pub(super) fn target(&self, container: &Container) -> Result<Option<TargetUrl>, String> {
        let address = match self.reach {
            Reach::Configured => return Ok(None),
            Reach::Loopback(port) => Some(([127, 0, 0, 1].into(), port)),
            Reach::Address(port) => {
                container.address(self.network.as_deref())?.map(|address| (address, port))
            }
        };
        let target = address.and_then(|(address, port)| target(address, port));
        target.map(Some).ok_or_else(|| "it has no address in its network".to_owned())
    }
}

/// Checks the name of a network. Those without addresses are for programs behind a Unix socket.
fn check_network(network: &str, is_reached: bool) -> Result<(), String> {
    if !is_name(network) {
        return Err(format!("{network:?} is not a network: name one that docker network ls shows"));
    }
    if is_reached && matches!(network, "host" | "none") {
        return Err(format!(
            "the network {network:?} gives a container no address: name another one, or leave out the \
             port if Teal reaches the program otherwise"
        ));
    }
    Ok(())
}

fn is_name(text: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
        && text.bytes().all(inside)
}
