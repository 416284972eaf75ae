//! The units of the package, made from those of the repository, which are for a program that was installed by hand.

use anyhow::{Context, Result, ensure};

/// The place of the program in the repository's units.
const BY_HAND: &str = "/usr/local/bin/teal";

/// The place of the program in the package.
const PACKAGED: &str = "/usr/bin/teal";

/// The service.
pub(crate) fn service(unit: &str) -> Result<String> {
    let (_, body) = unit.split_once("[Unit]\n").context("teal.service has no [Unit]")?;
    let manual = "Documentation=man:systemd.exec(5)\n";
    ensure!(body.contains(BY_HAND), "teal.service does not run {BY_HAND}");
    ensure!(body.contains(manual), "teal.service has no {manual}");
    let body = body.replace(BY_HAND, PACKAGED);
    let body = body.replace(manual, "Documentation=man:teal(1) man:teal.toml(5)\n");
    Ok(format!(
        "# systemd unit for Teal. Change it with `systemctl edit teal`, not here.\n[Unit]\n{body}"
    ))
}

/// The socket, at the address of the packaged configuration.
pub(crate) fn socket(unit: &str, configuration: &str) -> Result<String> {
    let address =
        configuration.lines().find_map(|line| line.strip_prefix("address = \"")?.split('"').next());
    let address = address.context("the packaged teal.toml has no address")?;
    let listens = |line: &&str| line.starts_with("ListenStream=");
    let line = unit.lines().find(listens).context("teal.socket has no ListenStream=")?;
    Ok(format!(
        "# Keeps the listening socket open while Teal restarts: systemctl enable --now teal.socket. With another address \
         in\n# /etc/teal/teal.toml, change it here by `systemctl edit teal.socket`.\n{}",
        unit.replace(line, &format!("ListenStream={address}"))
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packaged_units_run_the_packaged_program_at_the_configured_address() {
        let unit = "# by hand\n[Unit]\nDocumentation=man:systemd.exec(5)\n[Service]\n\
                    ExecStart=/usr/local/bin/teal run\nExecReload=/usr/local/bin/teal reload\n";
        let service = service(unit).expect("a unit");
        assert!(service.contains("ExecStart=/usr/bin/teal run\n"), "{service}");
        assert!(!service.contains("local") && !service.contains("by hand"), "{service}");
        let socket = socket("[Socket]\nListenStream=0.0.0.0:80\n", "address = \"[::1]:81\"\n");
        assert!(socket.expect("a unit").ends_with("[Socket]\nListenStream=[::1]:81\n"));
    }

    #[test]
    fn a_unit_that_is_not_as_expected_is_refused() {
        assert!(service("[Unit]\nExecStart=/opt/teal\n").is_err());
        assert!(socket("[Socket]\n", "address = \"a\"\n").is_err());
        assert!(socket("ListenStream=1\n", "").is_err());
    }
}
