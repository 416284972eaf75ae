//! The ports of a service's environments, and who tells Teal where they are.

use rules::TargetUrl;

use crate::key::{At, Key};
use crate::problem::ProblemList;
use crate::raw::{self, ColorPorts, Ports};

/// The ports of both colors.
pub(super) struct DeployPorts {
    /// Those of blue and green; `None`: the color has none that is known before the start.
    pub(super) each: [Option<u16>; 2],
    /// True if the runner chooses one at each start.
    pub(super) auto: bool,
    /// True if the targets of both colors are told.
    pub(super) told: bool,
}

/// The written ports, else those of the only target of each color.
pub(super) fn ports(
    service: &raw::Service,
    raw: &raw::Deploy,
    offset: usize,
    found: &mut ProblemList,
) -> DeployPorts {
    let told = [&service.blue, &service.green]
        .iter()
        .all(|color| color.get().is_some_and(|color| color.targets.is_runner()));
    let none = ColorPorts::default();
    let written = match raw.port.at() {
        Some(At { value: Ports::Word(word), offset }) => {
            auto(word, *offset, told, found);
            if told {
                learns(raw, *offset, found);
            }
            return DeployPorts { each: [None, None], auto: true, told };
        }
        Some(At { value: Ports::Each(written), .. }) => written,
        None => &none,
    };
    let docker = raw.runner.get() == Some(&raw::Runner::Docker);
    let blue = written.blue.get().copied().or_else(|| port_of(&service.blue, docker));
    let green = written.green.get().copied().or_else(|| port_of(&service.green, docker));
    if let Some(At { offset, .. }) = raw.port.at()
        && let Some(port) = blue.filter(|port| green == Some(*port))
    {
        let message = format!(
            "service.deploy.port is {port} for both colors, and they run at the same time; write \
             another one"
        );
        found.at(*offset, message);
    }
    if told && (blue.is_none() || green.is_none()) {
        reached(raw, offset, found);
    }
    DeployPorts { each: [blue, green], auto: false, told }
}

fn auto(word: &str, offset: usize, told: bool, found: &mut ProblemList) {
    if word != Ports::AUTO {
        let message = format!(
            "service.deploy.port is {word:?}; write \"auto\", or a table such as {{ blue = 8081, green = 8082 }}"
        );
        found.at(offset, message);
    } else if !told {
        let message = "service.deploy.port is \"auto\", so nobody knows the targets before a start; write targets = \
                       \"runner\" for both colors";
        found.at(offset, message);
    }
}

/// Reports a runner by which no program can learn the port that was chosen for it.
fn learns(raw: &raw::Deploy, offset: usize, found: &mut ProblemList) {
    if raw.runner.get() == Some(&raw::Runner::Systemd) && raw.env_file.at().is_none() {
        let message = "service.deploy.port is \"auto\", and the unit learns its port only from env_file; write \
                       env_file = \"/run/app/{color}.env\"";
        found.at(offset, message);
    }
}

/// Reports a runner that cannot tell Teal where an environment without a port is.
fn reached(raw: &raw::Deploy, offset: usize, found: &mut ProblemList) {
    let needs = match raw.runner.get() {
        Some(raw::Runner::Systemd | raw::Runner::Command) => "port = \"auto\"",
        Some(raw::Runner::Docker) if raw.container_port.at().is_none() => {
            "container_port, or port = \"auto\""
        }
        // A hook may name its target, and a container has an address.
        Some(raw::Runner::Docker | raw::Runner::Hooks) | None => return,
    };
    let message =
        format!("service.deploy has no port to tell Teal for targets = \"runner\"; write {needs}");
    found.at(offset, message);
}

/// The port of the only target of a color; with containers only one on loopback, where Docker can pass it on.
fn port_of(color: &Key<raw::Environment>, docker: bool) -> Option<u16> {
    let [only] = color.get()?.targets.elements() else { return None };
    let target = TargetUrl::parse(&only.value).ok()?;
    let (host, port) = target.host_and_port()?;
    let loopback =
        target.literal().map_or(host == "localhost", |address| address.ip().is_loopback());
    (loopback || !docker).then_some(port)
}
