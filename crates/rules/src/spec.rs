//! The specification: services, colors, targets and their settings, after all checks.
//!
//! `config` makes these from a file, `control` keeps them, `traffic` puts what a
//! request needs into the table. No field is an `Option` that means "default":
//! defaults are already filled in.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::circle::shared_target;
use crate::invalid::Invalid;
use crate::name::{Color, GroupName, ServiceName};
use crate::policy::Policy;
use crate::rollout::RolloutSettings;
use crate::target::{TargetTls, TargetUrl};
use crate::told::TargetSettings;
use crate::warmup::WarmUp;

/// One service: its routes and its two environments.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceSpec {
    /// Its name in every interface.
    pub name: ServiceName,
    /// Host patterns in lower case: exact (`example.com`) or one-label wildcard
    /// (`*.example.com`). Empty: any host.
    pub hosts: Vec<String>,
    /// Requests whose path is this or below it at a segment boundary; starts with `/`.
    pub path_prefix: String,
    /// The active color if there is no state yet.
    pub initial: Color,
    /// The two environments, in the order of [`Color::index`].
    pub colors: [ColorSpec; 2],
    /// The settings of probes.
    pub health: Health,
    /// The settings of its warm-up; `None`: there is none.
    pub warm_up: Option<WarmUp>,
    /// The settings of its rollouts; `None`: no switch is watched.
    pub rollout: Option<RolloutSettings>,
    /// The settings of its requests.
    pub policy: Arc<Policy>,
}

/// Services that are switched together, in one generation: all or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSpec {
    /// Its name in every interface.
    pub name: GroupName,
    /// Its services, each once; never empty.
    pub services: Vec<ServiceName>,
}

/// One environment of a service.
#[derive(Clone, Debug, PartialEq)]
pub struct ColorSpec {
    /// Its addresses; empty only while a runner has told none.
    pub targets: Vec<TargetUrl>,
    /// The settings of its targets, if a runner tells their addresses; `None`: they are configured.
    pub told: Option<TargetSettings>,
}

/// The settings of probes (promise L9).
#[derive(Clone, Debug, PartialEq)]
pub struct Health {
    /// The kind of probe.
    pub kind: ProbeKind,
    /// The path of a probe, beginning with `/`; with gRPC, followed by the name of a service, empty for
    /// the whole server.
    pub path: String,
    /// The Host of a probe: the first plain host of the service; `None`: the target's authority.
    pub host: Option<String>,
    /// The hosts to probe, each by itself, if the server name of a target is that of the request; if empty,
    /// `host` alone.
    pub hosts: Vec<String>,
    /// Time from one probe to the next while nothing changes.
    pub interval: Duration,
    /// The total time that one probe may take.
    pub timeout: Duration,
    /// Passed probes in a row that make a target up.
    pub rise: u32,
    /// Failed probes in a row that make a target down.
    pub fall: u32,
    /// Time from one probe to the next after a change.
    pub fast_interval: Duration,
    /// Statuses that pass.
    pub expect: Vec<StatusRange>,
    /// The proof that an answer comes from the right service.
    pub identity: Expected,
    /// Fields that a probe sends besides its own: name in lower case, and value.
    pub headers: Vec<(String, String)>,
    /// True if a probe says that its client came by `https`, as every request that is not
    /// redirected does.
    pub https: bool,
}

/// The content that a target's answer must have, to detect another service that has taken over its
/// address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// A field of the head; `None`: any head.
    pub header: Option<ExpectedHeader>,
    /// Text that stands in the first 64 KiB of the body; `None`: any body.
    pub body: Option<String>,
}

/// A field that an answer must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedHeader {
    /// Its name, in any case.
    pub name: String,
    /// Its whole value; `None`: any.
    pub value: Option<String>,
}

/// The kind of a probe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProbeKind {
    /// A GET of the path; the status decides.
    #[default]
    Http,
    /// `grpc.health.v1.Health/Check`; serving or not decides.
    Grpc,
}

/// A range of status codes, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusRange {
    /// The lowest status that passes.
    pub low: u16,
    /// The highest status that passes.
    pub high: u16,
}

/// Limits on what clients may send, for all listeners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a message head.
    pub head_bytes: usize,
    /// Fields of a message head.
    pub fields: usize,
    /// Bytes of a request target.
    pub uri_bytes: usize,
    /// Bytes of a request body; `None`: any.
    pub body_bytes: Option<u64>,
    /// Client connections at once.
    pub connections: usize,
}

// === impl ServiceSpec ===

impl ServiceSpec {
    /// A service with every default, as a bare `teal run` has it.
    pub fn new(name: ServiceName, blue: Vec<TargetUrl>, green: Vec<TargetUrl>) -> Self {
        Self {
            name,
            hosts: Vec::new(),
            path_prefix: "/".to_owned(),
            initial: Color::Blue,
            colors: [blue, green].map(|targets| ColorSpec { targets, told: None }),
            health: Health::default(),
            warm_up: None,
            rollout: None,
            policy: Arc::default(),
        }
    }

    /// Returns its policy for changes; other holders keep the old one.
    pub fn policy_mut(&mut self) -> &mut Policy {
        Arc::make_mut(&mut self.policy)
    }

    /// Gives the targets of a color that is left to a runner the settings of the color, and puts them in the place of
    /// those it has. A color whose targets are configured stays as it is.
    pub fn set_told(&mut self, color: Color, targets: &[TargetUrl]) {
        let spec = &mut self.colors[color.index()];
        if let Some(settings) = &spec.told {
            spec.targets = targets.iter().map(|url| settings.apply(url.clone())).collect();
        }
    }

    /// Checks targets that are told for a color, as if they were configured.
    ///
    /// # Errors
    /// The problem of the first one that cannot be used.
    pub fn check_told(&self, color: Color, targets: &[TargetUrl]) -> Result<(), String> {
        let has_tls =
            self.color(color).told.as_ref().is_some_and(|settings| settings.tls.is_some());
        let others = &self.color(color.other()).targets;
        for (place, target) in targets.iter().enumerate() {
            let (earlier, _) = targets.split_at(place);
            if earlier.iter().any(|other| other.is_at(target)) {
                return Err(format!("the targets have {target} twice; leave one out"));
            }
            if others.iter().any(|other| other.is_at(target)) {
                return Err(shared_target(target, color.other()));
            }
            if has_tls && target.tls().is_none() {
                return Err(format!(
                    "{target} has no TLS, and the configuration has tls for the targets of {color}; write it as \
                     https://HOST:PORT"
                ));
            }
            if self.health.kind == ProbeKind::Grpc && !target.may_speak_http2() {
                return Err(format!(
                    "{target} has no HTTP/2, which health.type = \"grpc\" needs; write it as h2c://HOST:PORT"
                ));
            }
        }
        Ok(())
    }

    /// The settings of one color.
    pub fn color(&self, color: Color) -> &ColorSpec {
        match color {
            Color::Blue => &self.colors[0],
            Color::Green => &self.colors[1],
        }
    }
}

// === impl ColorSpec ===

impl ColorSpec {
    /// The TLS settings of its targets, present and to come; `None`: it has none.
    pub fn tls(&self) -> Option<&TargetTls> {
        let told = self.told.as_ref().and_then(|settings| settings.tls.as_ref());
        told.or_else(|| self.targets.iter().find_map(TargetUrl::tls))
    }
}

// === impl Health ===

impl Health {
    /// Returns true if a probe with this status passes.
    pub fn expects(&self, status: u16) -> bool {
        self.expect.iter().any(|range| range.contains(status))
    }
}

impl Default for Health {
    fn default() -> Self {
        Self {
            kind: ProbeKind::Http,
            path: "/health".to_owned(),
            host: None,
            hosts: Vec::new(),
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(2),
            rise: 2,
            fall: 2,
            fast_interval: Duration::from_millis(500),
            expect: vec![StatusRange { low: 200, high: 299 }],
            identity: Expected::default(),
            headers: Vec::new(),
            https: false,
        }
    }
}

// === impl ExpectedHeader ===

impl ExpectedHeader {
    /// Returns true if a field of this name has the expected value.
    pub fn matches(&self, value: &[u8]) -> bool {
        self.value.as_ref().is_none_or(|wanted| value.trim_ascii() == wanted.as_bytes())
    }
}

impl fmt::Display for ExpectedHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "\"{}: {value}\"", self.name),
            None => write!(f, "{:?}", self.name),
        }
    }
}

// === impl StatusRange ===

impl StatusRange {
    /// Reads `"2xx"`, `"204"` or `"200-299"`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let wrong = || {
            Invalid(format!(
                "{text:?} is not a status: write \"2xx\", \"204\" or \"200-299\" (100 to 599)"
            ))
        };
        let number = |digits: &str| digits.parse().ok().filter(|n| (100..=599).contains(n));
        if let Some(class) = text.strip_suffix("xx") {
            let class: u16 = class.parse().map_err(|_| wrong())?;
            let low = class.checked_mul(100).and_then(|n| number(&n.to_string()));
            return low.map(|low| Self { low, high: low + 99 }).ok_or_else(wrong);
        }
        let (low, high) = text.split_once('-').unwrap_or((text, text));
        match (number(low), number(high)) {
            (Some(low), Some(high)) if low <= high => Ok(Self { low, high }),
            _ => Err(wrong()),
        }
    }

    /// Returns true if the range holds this status.
    pub fn contains(self, status: u16) -> bool {
        (self.low..=self.high).contains(&status)
    }
}

impl fmt::Display for StatusRange {
    /// Writes it as [`StatusRange::parse`] reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.low, self.high) {
            (low, high) if low == high => write!(f, "{low}"),
            (low, high) if low % 100 == 0 && high == low + 99 => write!(f, "{}xx", low / 100),
            (low, high) => write!(f, "{low}-{high}"),
        }
    }
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 32_768,
            fields: 100,
            uri_bytes: 8192,
            body_bytes: None,
            connections: 10_000,
        }
    }
}
