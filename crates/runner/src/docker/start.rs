//! The start of an environment: the image pulled, the container made, started, and seen running.
//!
//! Guaranteed: a container that runs is not touched, and what the start of before has left behind is removed only once
//! the image is there. Until the container is started, every failure is "not started".

use tokio::time::{Instant, sleep};

use crate::environment::{Environment, Port};
use crate::failure::Failure;
use crate::lines::KEPT;
use crate::listening::becomes_free;
use crate::status::{Started, State};

use super::container::Container;
use super::engine::Engine;
use super::plan::Plan;
use super::trouble::{Trouble, before_start};
use super::{Docker, GLANCE, Pull};

/// The number of ports that are tried if others take a chosen one first.
const TRIES: usize = 3;

impl Docker {
    pub(super) async fn started(&self, environment: &Environment) -> Result<Started, Failure> {
        let plan = self.plan(environment)?;
        let engine = self.engine(self.deadlines.start).await.map_err(before_start)?;
        let left = self.ours(&engine, environment, &plan.name).await.map_err(before_start)?;
        if let Some(left) = left.as_ref().filter(|left| is_alive(left)) {
            return Err(Failure::not_started(format!(
                "{environment} was not started: the container {} {}; stop it first",
                plan.name,
                left.explanation()
            )));
        }
        self.check_ground(&engine, &plan).await.map_err(before_start)?;
        self.pulled(&engine, &plan).await?;
        if let Some(left) = left {
            self.removed(&engine, environment, &left).await.map_err(|failure| {
                Failure::not_started(format!("{environment} was not started: {failure}"))
            })?;
        }
        if let Port::Fixed(port) = environment.port
            && !becomes_free(port).await
        {
            return Err(Failure::not_started(format!(
                "{environment} was not started: port {port} on loopback is in use by another program; \
                 stop that, or choose another port"
            )));
        }
        self.start_with_any_port(&engine, environment, plan).await
    }

    /// Checks what the container needs and nothing of this start makes.
    pub(super) async fn check_ground(&self, engine: &Engine, plan: &Plan) -> Result<(), Failure> {
        if let Some(network) = &plan.network
            && !engine.has_network(network).await.map_err(Trouble::into_failure)?
        {
            return Err(Failure::usage(format!(
                "the network {network} does not exist: docker network create {network}"
            )));
        }
        if self.pull == Pull::Never
            && !engine.has_image(&plan.image).await.map_err(Trouble::into_failure)?
        {
            let image = &plan.image;
            return Err(Failure::usage(format!(
                "the image {image} is not on this machine: docker pull {image}, or pull = \"missing\""
            )));
        }
        Ok(())
    }

    async fn pulled(&self, engine: &Engine, plan: &Plan) -> Result<(), Failure> {
        let image = &plan.image;
        let failed = |trouble: Trouble| {
            Failure::not_started(format!(
                "the image {image} was not pulled: {trouble}; if the registry wants a login, docker \
                 pull {image} before the deploy"
            ))
        };
        let needed = match self.pull {
            Pull::Always => true,
            Pull::Missing => !engine.has_image(image).await.map_err(failed)?,
            Pull::Never => false,
        };
        if needed {
            engine.pull(image).await.map_err(failed)?;
        }
        Ok(())
    }

    /// Starts it, with another port if a chosen one was taken meanwhile.
    async fn start_with_any_port(
        &self,
        engine: &Engine,
        environment: &Environment,
        mut plan: Plan,
    ) -> Result<Started, Failure> {
        let mut tries = 1;
        loop {
            let id = self.created(engine, environment, &plan).await?;
            let Err(refused @ Trouble::Refused { .. }) = engine.start(&id).await else {
                // Without an answer it may have been started: that is seen.
                return self.up(engine, environment, &plan, &id).await;
            };
            let why = refused.to_string();
            let lost_port = environment.port == Port::Auto
                && ["port is already allocated", "address already in use"]
                    .iter()
                    .any(|words| why.contains(words));
            if !lost_port || tries == TRIES {
                let message = format!("{environment} was not started: {why}");
                return Err(Failure::failed(State::Failed, None, message));
            }
            tries += 1;
            engine.remove(&id).await.map_err(|trouble| trouble.into_doubt(&plan.name))?;
            plan = self.plan(environment)?;
        }
    }

    /// Makes the container. One that is made and not started is nothing that runs, and the next start removes it.
    async fn created(
        &self,
        engine: &Engine,
        environment: &Environment,
        plan: &Plan,
    ) -> Result<String, Failure> {
        engine.create(&plan.name, &plan.body).await.map_err(|trouble| {
            Failure::not_started(format!("{environment} was not started: {trouble}"))
        })
    }

    /// Waits until it runs and goes on running. The end of its program ends the wait.
    async fn up(
        &self,
        engine: &Engine,
        environment: &Environment,
        plan: &Plan,
        id: &str,
    ) -> Result<Started, Failure> {
        let name = &plan.name;
        let mut since: Option<Instant> = None;
        loop {
            let seen = engine.settled(id).await.map_err(|trouble| trouble.into_doubt(name))?;
            let Some(container) = seen else {
                let message = format!("{environment} is gone: somebody has removed {name}");
                return Err(Failure::failed(State::Stopped, None, message));
            };
            let state = container.state();
            let how = container.explanation();
            if container.has_ended() {
                let message = format!("{environment} ended before it was up: {name} {how}");
                let failure = Failure::failed(state, container.exit(), message);
                return Err(self.with_log(failure, &container).await);
            }
            if state == State::Running
                && since.get_or_insert_with(Instant::now).elapsed() >= self.settle
            {
                return plan.target(&container).map(|target| Started { target }).map_err(|why| {
                    let message =
                        format!("{environment} runs, but Teal cannot reach {name}: {why}");
                    Failure::failed(state, None, message)
                });
            }
            if engine.is_late() {
                let patience = self.deadlines.start;
                let message = format!("{environment} is not up after {patience:?}: {name} {how}");
                let failure = Failure::failed(state, None, message);
                return Err(self.with_log(failure, &container).await);
            }
            sleep(GLANCE).await;
        }
    }

    /// Adds the last lines of a container, if they can be read.
    async fn with_log(&self, failure: Failure, container: &Container) -> Failure {
        let Ok(engine) = self.engine(self.deadlines.logs).await else { return failure };
        let lines = engine.lines(container, KEPT).await;
        failure.with_lines(lines.unwrap_or_default())
    }
}

/// Returns true if anything of a container runs, or is about to.
fn is_alive(container: &Container) -> bool {
    !container.state().is_over()
}
