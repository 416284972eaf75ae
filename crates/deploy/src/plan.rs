//! The step `plan`: what is deployed where. It changes nothing, and refuses what could only fail later.

use std::cell::RefCell;
use std::time::SystemTime;

use config::{Config, Keep};
use contract::wire::{Color, Deploy, DeployStep, Service, Status};
use rules::near::{NameList, UnknownName};
use rules::{ServiceName, TargetUrl, Version};
use runner::FailureKind;

use crate::context::{Context, Options, Request};
use crate::member::{Member, domain, other};
use crate::report::PrintedPlan;
use crate::rollback::stopped_version;
use crate::stop::{Ended, Problem, Verdict};

/// The version, the color and the services of a deploy.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The services; one, or those of a group.
    pub(crate) members: Vec<Member>,
    pub(crate) group: Option<String>,
    /// The color to deploy to.
    pub(crate) color: Color,
    /// The generation that the services have; for a group the highest.
    pub(crate) generation: u64,
    pub(crate) version: Option<Version>,
    /// The version of the other color, if it is known.
    pub(crate) from_version: Option<String>,
    /// True if the switch is recorded as a rollback.
    pub(crate) rollback: bool,
}

impl Plan {
    /// The plan of a new deploy: to the idle color.
    pub(crate) async fn of_request(
        context: &Context<'_>,
        request: &Request,
        status: &Status,
    ) -> Result<Self, Ended> {
        let (names, group) = chosen(context.config, request)?;
        let members = members(context, &names)?;
        frozen(&members, request)?;
        let color = idle(&members, status)?;
        let version = if request.rollback {
            Some(stopped_version(&members, color, status)?)
        } else {
            request.version.clone()
        };
        let plan = Self::of(members, group, color, version, status).await?;
        Ok(Self { rollback: request.rollback, ..plan })
    }

    /// The plan of a sweep: nothing is deployed, and one service loses what is left in its idle color.
    pub(crate) async fn of_sweep(
        context: &Context<'_>,
        service: &ServiceName,
        status: &Status,
    ) -> Result<Self, Ended> {
        let members = members(context, std::slice::from_ref(service))?;
        let color = idle(&members, status)?;
        let known = members.first().and_then(|member| member.in_status(status));
        let version = known.and_then(|service| service.colors.of(color).version.as_deref());
        let version = version.and_then(|version| Version::new(version).ok());
        Self::of(members, None, color, version, status).await
    }

    /// The plan of a deploy that an earlier command line has begun.
    pub(crate) async fn of_record(
        context: &Context<'_>,
        record: &Deploy,
        status: &Status,
    ) -> Result<Self, Ended> {
        let usage = |message: String| Ended::before(Verdict::Usage, message);
        let name = |name: &String| ServiceName::new(name).map_err(|error| usage(error.to_string()));
        let names: Vec<ServiceName> = record.services.iter().map(name).collect::<Result<_, _>>()?;
        let members = members(context, &names)?;
        let version = record.version.as_deref().map(Version::new).transpose();
        let version = version.map_err(|error| usage(error.to_string()))?;
        let group = record.group.clone();
        let mut plan = Self::of(members, group, record.color, version, status).await?;
        plan.from_version.clone_from(&record.from_version);
        Ok(plan)
    }

    async fn of(
        mut members: Vec<Member>,
        group: Option<String>,
        color: Color,
        version: Option<Version>,
        status: &Status,
    ) -> Result<Self, Ended> {
        let mut generation = 0;
        for member in &mut members {
            let service =
                member.in_status(status).ok_or_else(|| Ended::unknown_to_teal(&member.name))?;
            generation = generation.max(service.generation);
            same_targets(member, service, color)?;
            if member.settings.told {
                member.told =
                    RefCell::new([Color::Blue, Color::Green].map(|color| running(service, color)));
            }
            let known = |color| service.colors.of(color).version.as_deref();
            let known = [Color::Blue, Color::Green].map(known);
            member.versions = known.map(|version| Version::new(version?).ok());
        }
        let from_version = members.first().and_then(|member| {
            member.versions[domain(other(color)).index()].as_ref().map(ToString::to_string)
        });
        let rollback = false;
        let plan = Self { members, group, color, generation, version, from_version, rollback };
        plan.usable().await?;
        Ok(plan)
    }

    /// Checks that every runner can work, without changing anything.
    async fn usable(&self) -> Result<(), Ended> {
        for member in &self.members {
            let environment = member.environment(self.color, self.version.as_ref());
            if let Err(failure) = member.runner.check(&environment).await {
                let verdict = match failure.kind {
                    FailureKind::Usage => Verdict::Usage,
                    FailureKind::NotStarted | FailureKind::Failed { .. } | FailureKind::InDoubt => {
                        Verdict::Refused
                    }
                };
                let text = Problem::from(&failure).text();
                let message = format!("{} cannot be deployed: {text}", member.name);
                return Err(Ended::before(verdict, message));
            }
        }
        Ok(())
    }

    /// The names of the services.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.members.iter().map(|member| &*member.name).collect()
    }

    /// Returns the name of the group or the service.
    pub(crate) fn subject(&self) -> &str {
        let only = self.members.first().map_or("", |member| &member.name);
        self.group.as_deref().unwrap_or(only)
    }

    /// The new version in words.
    pub(crate) fn new_version(&self) -> &str {
        self.version.as_ref().map_or("the new version", Version::as_str)
    }

    /// The plan as it is printed.
    pub(crate) fn printed(&self, options: &Options) -> PrintedPlan {
        PrintedPlan {
            headline: self.headline(),
            services: self.names().iter().map(ToString::to_string).collect(),
            group: self.group.clone(),
            color: self.color,
            version: self.version.as_ref().map(ToString::to_string),
            from_version: self.from_version.clone(),
            steps: self.steps(options),
        }
    }

    /// The first line of the output.
    fn headline(&self) -> String {
        let color = self.color;
        let labelled = |version: Option<&str>, color: Color, more: &str| match version {
            Some(version) => format!("{version} ({color}{more})"),
            None => format!("{color}{}", if more.is_empty() { "" } else { " (active)" }),
        };
        let from = labelled(self.from_version.as_deref(), other(color), ", active");
        let to = labelled(self.version.as_ref().map(Version::as_str), color, "");
        let verb = if self.rollback { "roll back" } else { "deploy" };
        format!("{verb} {}: {from} -> {to}", self.subject())
    }

    /// The steps with what they do; steps without anything to do are left out.
    pub(crate) fn steps(&self, options: &Options) -> Vec<(DeployStep, String)> {
        let each = |of: &dyn Fn(&Member) -> Vec<String>| -> String {
            self.members.iter().flat_map(of).collect::<Vec<_>>().join("\n")
        };
        let commands = |commands: &[Vec<String>]| -> Vec<String> {
            commands.iter().map(|command| command.join(" ")).collect()
        };
        let show = contract::duration::show;
        let drain = options.drain.map_or("as configured".to_owned(), show);
        let all = [
            (DeployStep::Before, each(&|member| commands(&member.settings.before))),
            (DeployStep::Start, each(&|member| vec![member.starting(self.color)])),
            (
                DeployStep::Gate,
                format!(
                    "wait up to {} until {} is healthy",
                    show(options.wait_healthy),
                    self.color
                ),
            ),
            (DeployStep::Smoke, each(&|member| member.settings.smoke.iter().map(smoke).collect())),
            (DeployStep::Switch, format!("from {} to {}", other(self.color), self.color)),
            (DeployStep::Drain, format!("{}, cut after: {drain}", other(self.color))),
            (
                DeployStep::Outside,
                each(&|member| member.settings.outside.iter().map(|o| o.url.clone()).collect()),
            ),
            (DeployStep::After, each(&|member| commands(&member.settings.after))),
            (DeployStep::Keep, each(&|member| vec![member.keeping(self.color, options.keep)])),
        ];
        let last = if options.no_switch { DeployStep::Smoke } else { DeployStep::Keep };
        all.into_iter().filter(|(step, text)| !text.is_empty() && *step <= last).collect()
    }

    /// Returns true if a step has something to do.
    pub(crate) fn has(&self, step: DeployStep) -> bool {
        let any = |has: &dyn Fn(&config::Deploy) -> bool| {
            self.members.iter().any(|member| has(&member.settings))
        };
        match step {
            DeployStep::Before => any(&|settings| !settings.before.is_empty()),
            DeployStep::Smoke => any(&|settings| !settings.smoke.is_empty()),
            DeployStep::Outside => any(&|settings| !settings.outside.is_empty()),
            DeployStep::After => any(&|settings| !settings.after.is_empty()),
            _ => true,
        }
    }
}

impl Member {
    fn starting(&self, color: Color) -> String {
        let how = match &self.settings.runner {
            config::Runner::Hooks { start, .. } => format!("hook {}", start.display()),
            config::Runner::Systemd { unit, .. } => format!("systemd unit {unit}"),
            config::Runner::Docker(container) => format!("container of {}", container.image),
            config::Runner::Command { command, .. } => format!("command {}", command.join(" ")),
        };
        let port = self.settings.port(domain(color));
        let port = match port {
            Some(port) => format!(", port {port}"),
            None if self.settings.auto_port => ", port chosen at start".to_owned(),
            None if self.settings.told => ", address told at start".to_owned(),
            None => String::new(),
        };
        format!(
            "{} {color}: {how}{port}; anything left there from before is stopped first",
            self.name
        )
    }

    /// The handling of the old environment, in words.
    pub(crate) fn keeping(&self, color: Color, asked: Option<Keep>) -> String {
        let old = other(color);
        match asked.unwrap_or(self.settings.keep) {
            Keep::UntilNext => format!("{old} of {} stays up until the next deploy", self.name),
            Keep::No => format!("{old} of {} is stopped", self.name),
            Keep::For(time) => {
                let time = contract::duration::show(time);
                format!("{old} of {} stays up for {time}, until teal sweep stops it", self.name)
            }
        }
    }
}

fn smoke(check: &config::Smoke) -> String {
    match check {
        config::Smoke::Path { path, .. } => format!("GET {path}"),
        config::Smoke::Exec { command, .. } => command.join(" "),
    }
}

/// The services that are meant, and the group.
fn chosen(config: &Config, request: &Request) -> Result<(Vec<ServiceName>, Option<String>), Ended> {
    let usage = |message: String| Err(Ended::before(Verdict::Usage, message));
    if let Some(name) = &request.group {
        let Some(group) = config.groups.iter().find(|group| group.name.as_str() == name) else {
            let names: Vec<&str> = config.groups.iter().map(|group| group.name.as_str()).collect();
            return usage(UnknownName { kind: "group", name, names: &names }.to_string());
        };
        return Ok((group.services.clone(), Some(name.clone())));
    }
    let names: Vec<&str> = config.services.iter().map(|service| service.name.as_str()).collect();
    match (&request.service, &config.services[..]) {
        (Some(name), services) => match services.iter().find(|one| one.name.as_str() == name) {
            Some(service) => Ok((vec![service.name.clone()], None)),
            None => usage(UnknownName { kind: "service", name, names: &names }.to_string()),
        },
        (None, [only]) => Ok((vec![only.name.clone()], None)),
        (None, _) => {
            let names = NameList(&names);
            usage(format!("there are several services; name one of {names}, or a --group"))
        }
    }
}

/// The services with their settings and runners.
fn members(context: &Context<'_>, names: &[ServiceName]) -> Result<Vec<Member>, Ended> {
    let config = context.config;
    let file = config.source.as_deref().unwrap_or(std::path::Path::new("the configuration"));
    let mut members = Vec::new();
    for name in names {
        let service = config.services.iter().find(|service| service.name == *name);
        let settings = config.deploys.iter().find(|deploy| deploy.service == *name);
        let (Some(service), Some(settings)) = (service, settings) else {
            let what = if service.is_none() { "is not in" } else { "has no deploy table in" };
            return Err(Ended::before(
                Verdict::Usage,
                format!(
                    "service {name} {what} {}; write deploy = {{ runner = … }} in its [[service]]",
                    file.display()
                ),
            ));
        };
        members.push(Member {
            name: name.to_string(),
            service: service.clone(),
            settings: settings.clone(),
            runner: (context.runners)(settings),
            versions: [None, None],
            told: RefCell::default(),
        });
    }
    Ok(members)
}

/// Refuses a deploy in a freeze window, but for an emergency and a rollback.
fn frozen(members: &[Member], request: &Request) -> Result<(), Ended> {
    let now = SystemTime::now();
    for member in members {
        let window = member.settings.freeze.iter().find(|window| window.contains(now));
        if let Some(window) = window.filter(|_| !request.emergency && !request.rollback) {
            let message = format!(
                "deploys of {} are frozen now ({window}); wait, or use --emergency --reason TEXT",
                member.name
            );
            return Err(Ended::before(Verdict::Refused, message));
        }
    }
    Ok(())
}

/// The idle color, which all services must share.
fn idle(members: &[Member], status: &Status) -> Result<Color, Ended> {
    let mut first: Option<(&str, Color)> = None;
    for member in members {
        let service =
            member.in_status(status).ok_or_else(|| Ended::unknown_to_teal(&member.name))?;
        match first {
            Some((name, active)) if active != service.active => {
                let message = format!(
                    "{name} is on {active}, but {} is on {}; switch them to the same color first",
                    member.name, service.active
                );
                return Err(Ended::before(Verdict::Refused, message));
            }
            _ => first = Some((&member.name, service.active)),
        }
    }
    let (_, active) =
        first.ok_or_else(|| Ended::before(Verdict::Usage, "there is no service to deploy"))?;
    Ok(other(active))
}

/// Refuses to deploy to targets that the running Teal does not have: the gate would prove others.
fn same_targets(member: &Member, service: &Service, color: Color) -> Result<(), Ended> {
    let colors = service.colors.of(color);
    if member.settings.told {
        if colors.told {
            return Ok(());
        }
        let message = format!(
            "the running Teal has its own targets for {}, and this command leaves them to the runner: it uses another \
             configuration than this command; run teal reload, or name its file with --config",
            member.name
        );
        return Err(Ended::before(Verdict::Usage, message));
    }
    let running: Vec<&str> = colors
        .targets
        .iter()
        .map(|target| &*target.url)
        .chain(colors.names.iter().map(|name| &*name.url))
        .collect();
    let configured: Vec<String> =
        member.service.color(domain(color)).targets.iter().map(ToString::to_string).collect();
    let known = |url: &str| configured.iter().any(|own| own == url);
    let missing = configured.iter().find(|url| !running.contains(&url.as_str()));
    let surplus = running.iter().find(|url| !known(url));
    let (what, url) = match (missing, surplus) {
        (Some(url), _) => ("has no target", url.as_str()),
        (None, Some(url)) => ("has another target", *url),
        (None, None) => return Ok(()),
    };
    Err(Ended::before(
        Verdict::Usage,
        format!(
            "the running Teal {what} {url} in {color} of {}: it uses another configuration than \
             this command; run teal reload, or name its file with --config",
            member.name
        ),
    ))
}

/// The targets that a running Teal was told for a color.
fn running(service: &Service, color: Color) -> Vec<TargetUrl> {
    let targets = service.colors.of(color).targets.iter();
    let mut urls: Vec<&str> = targets.map(|target| &*target.url).collect();
    urls.dedup(); // the addresses of a name are adjacent
    urls.into_iter().filter_map(|url| TargetUrl::parse(url).ok()).collect()
}
