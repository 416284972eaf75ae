//! A container as the Engine describes it: whose it is, its state, its address.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr};

use rules::{TargetUrl, Version};
use serde::Deserialize;

use crate::environment::{Environment, Port};
use crate::failure::Failure;
use crate::lines::line;
use crate::status::{Exit, State, Status};

/// The labels of the containers that a deploy makes.
pub(super) const SERVICE: &str = "teal.service";
pub(super) const COLOR: &str = "teal.color";
pub(super) const VERSION: &str = "teal.version";

/// The answer to `GET /containers/{id}/json`, as far as it matters.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Container {
    pub(super) id: String,
    name: String,
    config: Config,
    state: Running,
    #[serde(default)]
    restart_count: u32,
    #[serde(default)]
    network_settings: Networking,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    labels: Option<HashMap<String, String>>,
    #[serde(default)]
    tty: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Running {
    status: String,
    #[serde(default)]
    exit_code: i32,
    #[serde(default)]
    error: String,
    #[serde(default, rename = "OOMKilled")]
    out_of_memory: bool,
    health: Option<Health>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Health {
    status: String,
    log: Option<Vec<Probe>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Probe {
    #[serde(default)]
    output: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Networking {
    networks: Option<BTreeMap<String, Endpoint>>,
    ports: Option<BTreeMap<String, Option<Vec<Binding>>>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Endpoint {
    #[serde(default, rename = "IPAddress")]
    v4: String,
    #[serde(default, rename = "GlobalIPv6Address")]
    v6: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Binding {
    #[serde(default)]
    host_ip: String,
    #[serde(default)]
    host_port: String,
}

// === impl Container ===

impl Container {
    /// Returns true if this is its name. The Engine also finds containers by the beginning of their id.
    pub(super) fn is_named(&self, name: &str) -> bool {
        self.name.trim_start_matches('/') == name
    }

    /// Checks that a deploy has made it for this environment. Nobody else's container is ever touched.
    pub(super) fn belongs_to(&self, environment: &Environment) -> Result<(), Failure> {
        let Environment { service, color, .. } = environment;
        if self.label(SERVICE) == Some(service.as_str())
            && self.label(COLOR) == Some(color.as_str())
        {
            return Ok(());
        }
        let name = self.name.trim_start_matches('/');
        Err(Failure::usage(format!(
            "the container {name} is not Teal's: it lacks the labels {SERVICE}={service} and \
             {COLOR}={color}; remove it, or choose another name for the container of {environment}"
        )))
    }

    pub(super) fn state(&self) -> State {
        match &*self.state.status {
            "running" | "paused" => State::Running,
            "restarting" => State::Starting,
            "removing" | "stopping" => State::Stopping,
            "exited" | "dead" | "stopped" => State::Failed, // a stop by Teal removes it
            _ => State::Stopped,                            // created: nothing of it runs
        }
    }

    /// Returns true if its program has ended, and perhaps waits to be started again.
    pub(super) fn has_ended(&self) -> bool {
        matches!(&*self.state.status, "exited" | "dead" | "stopped" | "restarting")
            || self.restart_count > 0
    }

    /// Returns the exit of its program, unless it runs.
    pub(super) fn exit(&self) -> Option<Exit> {
        let ended = matches!(&*self.state.status, "exited" | "dead" | "stopped" | "restarting");
        ended.then_some(Exit::Code(self.state.exit_code))
    }

    pub(super) fn has_terminal(&self) -> bool {
        self.config.tty
    }

    /// Returns Docker's description of it, as the end of a sentence.
    pub(super) fn explanation(&self) -> String {
        let Running { status, error, out_of_memory, health, .. } = &self.state;
        let mut said = vec![format!("is {status}")];
        said.extend(self.exit().map(|exit| exit.to_string()));
        if *out_of_memory {
            said.push("killed because its memory was used up".to_owned());
        }
        if !error.is_empty() {
            said.push(line(error.as_bytes()));
        }
        if self.restart_count > 0 {
            said.push(format!("{} restarts", self.restart_count));
        }
        if let Some(Health { status, log }) = health {
            let output = log.iter().flatten().next_back();
            let output = output.map(|probe| line(probe.output.as_bytes())).unwrap_or_default();
            let colon = if output.is_empty() { "" } else { ": " };
            said.push(format!("health {status}{colon}{output}"));
        }
        said.join(", ")
    }

    /// The status of the environment. Health is shown and never waited for.
    pub(super) fn status(&self, environment: &Environment) -> Status {
        let name = self.name.trim_start_matches('/');
        let chosen = self.published().filter(|_| environment.port == Port::Auto);
        Status {
            state: self.state(),
            version: self.label(VERSION).and_then(|version| Version::new(version).ok()),
            port: chosen,
            restarts: self.restart_count,
            exit: self.exit(),
            detail: Some(format!("the container {name} {}", self.explanation())),
        }
    }

    /// The port on loopback that Docker passes on to it, if there is one.
    fn published(&self) -> Option<u16> {
        let ports = self.network_settings.ports.iter().flat_map(BTreeMap::values);
        ports
            .flatten()
            .flatten()
            .find(|binding| binding.host_ip == Ipv4Addr::LOCALHOST.to_string())
            .and_then(|binding| binding.host_port.parse().ok())
    }

    /// Its address in a network, or in the only one. `Ok(None)`: it has none yet.
    pub(super) fn address(&self, network: Option<&str>) -> Result<Option<IpAddr>, String> {
        let empty = BTreeMap::new();
        let networks = self.network_settings.networks.as_ref().unwrap_or(&empty);
        let endpoint = match network {
            Some(network) => networks.get(network),
            None if networks.len() > 1 => {
                let names: Vec<&str> = networks.keys().map(String::as_str).collect();
                return Err(format!(
                    "it is in the networks {}: name the one of its target by network",
                    names.join(", ")
                ));
            }
            None => networks.values().next(),
        };
        let addresses = endpoint.map(|endpoint| [&endpoint.v4, &endpoint.v6]);
        Ok(addresses.into_iter().flatten().find_map(|address| address.parse().ok()))
    }

    fn label(&self, key: &str) -> Option<&str> {
        self.config.labels.as_ref()?.get(key).map(String::as_str)
    }
}

/// The target at an address.
pub(super) fn target(address: IpAddr, port: u16) -> Option<TargetUrl> {
    let host = match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    };
    TargetUrl::parse(&format!("http://{host}:{port}")).ok()
}

#[cfg(test)]
mod tests {
    use rules::{Color, ServiceName};
    use serde_json::{Value, json};

    use super::*;

    fn container(state: &Value, more: &Value) -> Container {
        let mut whole = json!({
            "Id": "ab12", "Name": "/web-green", "State": state,
            "Config": {"Labels": {"teal.service": "web", "teal.color": "green", "teal.version": "v42"}},
        });
        for (key, value) in more.as_object().expect("an object") {
            whole[key] = value.clone();
        }
        serde_json::from_value(whole).expect("a container")
    }

    fn green() -> Environment {
        Environment {
            service: ServiceName::new("web").expect("a name"),
            color: Color::Green,
            version: None,
            port: Port::None,
        }
    }

    #[test]
    fn states_are_those_of_the_program() {
        for (status, state, exit) in [
            ("created", State::Stopped, None),
            ("running", State::Running, None),
            ("paused", State::Running, None),
            ("restarting", State::Starting, Some(Exit::Code(3))),
            ("removing", State::Stopping, None),
            ("exited", State::Failed, Some(Exit::Code(3))),
            ("dead", State::Failed, Some(Exit::Code(3))),
        ] {
            let container = container(&json!({"Status": status, "ExitCode": 3}), &json!({}));
            assert_eq!((container.state(), container.exit()), (state, exit), "{status}");
        }
    }

    #[test]
    fn everything_that_explains_a_container_is_told_in_one_line() {
        let state = json!({
            "Status": "exited", "ExitCode": 137, "OOMKilled": true, "Error": "oh\u{1b}[1m\nno",
            "Health": {"Status": "unhealthy", "Log": [{"Output": "old"}, {"Output": "refused\n"}]},
        });
        let container = container(&state, &json!({"RestartCount": 2}));
        let status = container.status(&green());
        assert_eq!(
            status.detail.as_deref(),
            Some(
                "the container web-green is exited, exit code 137, killed because its memory was used \
                 up, oh no, 2 restarts, health unhealthy: refused"
            )
        );
        assert_eq!((status.restarts, status.port), (2, None));
        assert_eq!(status.version.map(|version| version.to_string()).as_deref(), Some("v42"));
    }

    #[test]
    fn a_container_of_another_is_refused_by_name() {
        let ours = container(&json!({"Status": "running"}), &json!({}));
        ours.belongs_to(&green()).expect("ours");
        for labels in [json!(null), json!({}), json!({"teal.service": "web", "teal.color": "blue"})]
        {
            let config = json!({"Config": {"Labels": labels}});
            let other = container(&json!({"Status": "exited"}), &config);
            let failure = other.belongs_to(&green()).expect_err("another's");
            assert!(
                failure.message.starts_with("the container web-green is not Teal's"),
                "{failure}"
            );
        }
        assert!(ours.is_named("web-green") && !ours.is_named("ab12") && !ours.is_named("web"));
    }

    #[test]
    fn an_address_is_that_of_the_named_network_or_of_the_only_one() {
        let networks = |networks: Value| {
            let settings = json!({"NetworkSettings": {"Networks": networks}});
            container(&json!({"Status": "running"}), &settings)
        };
        let one = networks(json!({"app": {"IPAddress": "172.18.0.2"}}));
        let address = Ok(Some(IpAddr::from([172, 18, 0, 2])));
        assert_eq!(
            (one.address(None), one.address(Some("app"))),
            (address.clone(), address.clone())
        );
        assert_eq!(one.address(Some("other")), Ok(None));
        let two = networks(json!({
            "app": {"IPAddress": "172.18.0.2"},
            "db": {"IPAddress": "", "GlobalIPv6Address": "fd00::2"},
        }));
        assert_eq!(two.address(Some("app")), address);
        let refused = two.address(None).expect_err("which one?");
        assert_eq!(refused, "it is in the networks app, db: name the one of its target by network");
        let v6 = two.address(Some("db")).expect("named").expect("an address");
        let target = target(v6, 3000).expect("a target");
        assert_eq!(target.to_string(), "http://[fd00::2]:3000");
        assert_eq!(networks(json!({"host": {"IPAddress": ""}})).address(None), Ok(None));
        assert_eq!(networks(json!(null)).address(None), Ok(None));
    }

    #[test]
    fn the_published_port_is_that_on_loopback() {
        let ports = json!({"NetworkSettings": {"Ports": {
            "9/udp": null,
            "3000/tcp": [{"HostIp": "::", "HostPort": "1"}, {"HostIp": "127.0.0.1", "HostPort": "49153"}],
        }}});
        let container = container(&json!({"Status": "running"}), &ports);
        assert_eq!(container.published(), Some(49153));
    }
}
