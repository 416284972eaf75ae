//! The runner `docker`: against an Engine of the tests, which does what real ones do only on bad days, and against a
//! real one.

mod addresses;
mod answers;
mod containers;
mod daemon;
mod pulls;
mod script;
mod starts;
mod stops;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rules::{Color, ServiceName, Version};
use runner::{Deadlines, Docker, Environment, Port, Pull};

/// A runner for the Engine behind this socket.
fn runner(socket: &Path) -> Docker {
    let limit = Duration::from_secs(20);
    Docker {
        host: Some(format!("unix://{}", socket.display())),
        image: "app:{version}".to_owned(),
        container: "{service}-{color}".to_owned(),
        network: None,
        port: None,
        address: true,
        env_file: None,
        env: BTreeMap::new(),
        mounts: Vec::new(),
        labels: BTreeMap::new(),
        pull: Pull::Missing,
        command: Vec::new(),
        settle: Duration::from_secs(1),
        stop_timeout: Duration::from_secs(10),
        deadlines: Deadlines { start: limit, stop: limit, status: limit, logs: limit },
    }
}

fn green(port: Port) -> Environment {
    Environment {
        service: ServiceName::new("web").expect("a name"),
        color: Color::Green,
        version: Some(Version::new("v42").expect("a version")),
        port,
    }
}
