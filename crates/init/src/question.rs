//! The questions: their words, their defaults, and the meaning of what a person writes.

use crate::answer::{Answers, Runner, Tls};
use crate::given::{RunnerKind, TlsKind};

/// A question, in the order in which they are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    Service,
    Hosts,
    Targets,
    Tls,
    /// With TLS by files.
    Certificate,
    /// With TLS by files.
    Key,
    /// With ACME.
    Email,
    Runner,
    /// With runners that run a program.
    Command,
    /// With runners that run an image.
    Image,
}

// === impl Question ===

impl Question {
    /// All questions.
    pub(crate) const ALL: [Self; 10] = [
        Self::Service,
        Self::Hosts,
        Self::Targets,
        Self::Tls,
        Self::Certificate,
        Self::Key,
        Self::Email,
        Self::Runner,
        Self::Command,
        Self::Image,
    ];

    /// The words of the question. Those without a number belong to the one before them.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Service => "1/5 Name of the service",
            Self::Hosts => "2/5 Host names of the service, with spaces between them",
            Self::Targets => "3/5 Ports or URLs of blue and green",
            Self::Tls => "4/5 TLS: none, files or acme (certificates of Let's Encrypt)",
            Self::Certificate => "    Certificate file",
            Self::Key => "    Key file",
            Self::Email => "    Email address that the CA may write to",
            Self::Runner => "5/5 Runner: hooks, systemd, docker, compose or command",
            Self::Command => "    Command that runs one environment",
            Self::Image => "    Image of one environment",
        }
    }

    /// Returns true if the answers so far leave something to ask here.
    pub(crate) fn applies(self, answers: &Answers) -> bool {
        match self {
            Self::Certificate | Self::Key => matches!(answers.tls, Tls::Files { .. }),
            Self::Email => matches!(answers.tls, Tls::Acme { .. }),
            Self::Command => !matches!(answers.runner, Runner::Docker(_) | Runner::Compose(_)),
            Self::Image => matches!(answers.runner, Runner::Docker(_) | Runner::Compose(_)),
            _ => true,
        }
    }

    /// The answer that Enter gives, as a person would write it.
    pub(crate) fn default(self, answers: &Answers) -> String {
        match self {
            Self::Service => answers.service.clone(),
            Self::Hosts if answers.hosts.is_empty() => "any host".to_owned(),
            Self::Hosts => answers.hosts.join(" "),
            Self::Targets => answers.targets.each_ref().map(|url| short(url)).join(" "),
            Self::Tls => kind_of(&answers.tls).as_str().to_owned(),
            Self::Certificate | Self::Key => match &answers.tls {
                Tls::Files { cert, .. } if self == Self::Certificate => cert.clone(),
                Tls::Files { key, .. } => key.clone(),
                _ => String::new(),
            },
            Self::Email => match &answers.tls {
                Tls::Acme { email: Some(email) } => email.clone(),
                _ => "none".to_owned(),
            },
            Self::Runner => runner_of(&answers.runner).as_str().to_owned(),
            Self::Command | Self::Image => answers.runner.what().to_owned(),
        }
    }

    /// Puts what a person wrote into the answers. Values are checked afterwards, with all others.
    ///
    /// # Errors
    /// The words cannot be an answer to this question.
    pub(crate) fn take(self, text: &str, answers: &mut Answers) -> Result<(), String> {
        let words = || text.split([' ', ',', '\t']).filter(|word| !word.is_empty());
        match self {
            Self::Service => {
                text.clone_into(&mut answers.service);
                let kind = runner_of(&answers.runner);
                answers.runner = Runner::default_for(kind, text);
            }
            Self::Hosts if matches!(text, "any host" | "any" | "*") => answers.hosts = Vec::new(),
            Self::Hosts => answers.hosts = words().map(ToOwned::to_owned).collect(),
            Self::Targets => {
                let [blue, green] = words().collect::<Vec<_>>()[..] else {
                    return Err(format!(
                        "{text:?} is not two targets; write them as \"8081 8082\""
                    ));
                };
                answers.targets = [blue, green].map(target);
            }
            Self::Tls => {
                let kind = TlsKind::ALL.into_iter().find(|kind| kind.as_str() == text);
                answers.tls = kind.map(|kind| tls(kind, &answers.hosts)).ok_or_else(|| {
                    format!("{text:?} is not a kind of TLS; write none, files or acme")
                })?;
            }
            Self::Certificate | Self::Key => {
                if let Tls::Files { cert, key } = &mut answers.tls {
                    let file = if self == Self::Certificate { cert } else { key };
                    text.clone_into(file);
                }
            }
            Self::Email => {
                let email = Some(text.to_owned()).filter(|text| text != "none");
                answers.tls = Tls::Acme { email };
            }
            Self::Runner => {
                let kind = RunnerKind::ALL.into_iter().find(|kind| kind.as_str() == text);
                let kind = kind.ok_or_else(|| {
                    let all = "hooks, systemd, docker, compose or command";
                    format!("{text:?} is not a runner; write {all}")
                })?;
                answers.runner = Runner::default_for(kind, &answers.service);
            }
            Self::Command | Self::Image => {
                answers.runner = Runner::running(runner_of(&answers.runner), text.to_owned());
            }
        }
        Ok(())
    }
}

/// The URL of a target; a port alone is one on loopback.
fn target(text: &str) -> String {
    let is_port = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_port { format!("http://127.0.0.1:{text}") } else { text.to_owned() }
}

fn short(url: &str) -> String {
    url.strip_prefix("http://127.0.0.1:").unwrap_or(url).to_owned()
}

/// TLS of a kind, with files where certificates of this machine usually are.
fn tls(kind: TlsKind, hosts: &[String]) -> Tls {
    let name = hosts.first().map_or("example.com", |host| host.trim_start_matches("*."));
    match kind {
        TlsKind::None => Tls::None,
        TlsKind::Acme => Tls::Acme { email: None },
        TlsKind::Files => Tls::Files {
            cert: format!("/etc/teal/{name}.pem"),
            key: format!("/etc/teal/{name}.key"),
        },
    }
}

fn kind_of(tls: &Tls) -> TlsKind {
    match tls {
        Tls::None => TlsKind::None,
        Tls::Files { .. } => TlsKind::Files,
        Tls::Acme { .. } => TlsKind::Acme,
    }
}

pub(crate) fn runner_of(runner: &Runner) -> RunnerKind {
    match runner {
        Runner::Hooks(_) => RunnerKind::Hooks,
        Runner::Systemd(_) => RunnerKind::Systemd,
        Runner::Docker(_) => RunnerKind::Docker,
        Runner::Compose(_) => RunnerKind::Compose,
        Runner::Command(_) => RunnerKind::Command,
    }
}
