//! A journal of its own for the systemd of a test.

use std::fs;

use super::boot::systemctl;

/// The journal without `/dev/log` and the kernel's messages, which are those of this machine.
const UNITS: [(&str, &str); 2] = [
    (
        "systemd-journald.socket",
        "[Unit]\nDefaultDependencies=no\n[Socket]\nListenStream=/run/systemd/journal/stdout\n\
         ListenDatagram=/run/systemd/journal/socket\nPassCredentials=yes\n",
    ),
    (
        "systemd-journald.service",
        "[Unit]\nDefaultDependencies=no\n[Service]\nType=notify\nSockets=systemd-journald.socket\n\
         ExecStart=/lib/systemd/systemd-journald\n",
    ),
];

/// The units of the journal.
pub(super) fn units() -> Vec<(String, String)> {
    UNITS.map(|(name, text)| (name.to_owned(), text.to_owned())).to_vec()
}

/// Starts it. Inside.
pub(super) fn start() {
    fs::write("/etc/systemd/journald.conf", "[Journal]\nReadKMsg=no\nAudit=no\n").expect("a file");
    systemctl(&["start", "systemd-journald.socket"]);
}
