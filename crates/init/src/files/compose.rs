//! `compose.yaml`: a service of Docker Compose for each color.

use std::fmt::Write as _;

use super::config::{CONTAINER_PORT, quoted};
use crate::answer::Answers;

/// The name of the service of a color.
pub(super) fn of_color(answers: &Answers, color: &str) -> String {
    format!("{}-{color}", answers.service)
}

/// The port at which a color is published.
///
/// # Errors
/// The target is not a port on loopback.
pub(crate) fn port(target: &str) -> Result<u16, String> {
    let port = target.strip_prefix("http://127.0.0.1:").and_then(|port| port.parse().ok());
    port.ok_or_else(|| {
        format!(
            "{target:?} is not a port on loopback, where compose publishes a color; write it as \
             \"http://127.0.0.1:8081\""
        )
    })
}

/// The text of the file.
pub(super) fn compose(answers: &Answers, image: &str) -> String {
    let service = &answers.service;
    let image = image.replace("{service}", service).replace("{version}", "${VERSION:-latest}");
    let mut text = format!(
        "# Both environments of {service}. `teal deploy` starts and stops them by the programs in hooks/, with VERSION\n\
         # set. Teal itself runs outside, and reaches them at ports on loopback.\n\
         services:\n"
    );
    for (color, target) in ["blue", "green"].into_iter().zip(&answers.targets) {
        let name = of_color(answers, color);
        let image = quoted(&image.replace("{color}", color));
        let published = port(target).unwrap_or_default(); // another target is refused earlier
        let _never_fails = writeln!(
            text,
            "  {name}:\n    image: {image}\n    ports:\n      \
             - \"127.0.0.1:{published}:{CONTAINER_PORT}\"\n    environment:\n      \
             PORT: \"{CONTAINER_PORT}\"\n    restart: unless-stopped\n    \
             # Shorter than the 30 s of deploy.stop_timeout.\n    stop_grace_period: 25s"
        );
    }
    text
}
