//! The stop of an environment: the program ended, the container removed.
//!
//! Guaranteed: only the container that was seen with the labels of the environment is stopped and removed, by its id.
//! A container that does not run is removed; its volumes stay.

use tokio::time::{Instant, sleep};

use crate::environment::Environment;
use crate::failure::Failure;

use super::container::Container;
use super::engine::Engine;
use super::trouble::Trouble;
use super::{Docker, GLANCE, STOP_MARGIN, seconds};

impl Docker {
    pub(super) async fn stopped(&self, environment: &Environment) -> Result<(), Failure> {
        let name = self.name_of(environment)?;
        let patience = self.deadlines.stop.max(self.stop_timeout + STOP_MARGIN);
        let engine = self.engine(patience).await?;
        match self.ours(&engine, environment, &name).await? {
            Some(container) => self.removed(&engine, environment, &container).await,
            None => Ok(()),
        }
    }

    /// Stops a container if it runs, and removes it.
    pub(super) async fn removed(
        &self,
        engine: &Engine,
        environment: &Environment,
        container: &Container,
    ) -> Result<(), Failure> {
        let (began, id) = (Instant::now(), &*container.id);
        // Without an answer it may be stopping: that is seen.
        let refused = if container.state().is_over() {
            None
        } else {
            engine.stop(id, seconds(self.stop_timeout)).await.err().filter(is_refusal)
        };
        let mut busy = None;
        loop {
            let seen = engine.settled(id).await;
            let Some(seen) = seen.map_err(|trouble| trouble.into_doubt(id))? else {
                return Ok(());
            };
            let is_over = seen.state().is_over();
            if is_over {
                match engine.remove(id).await {
                    Ok(()) => return Ok(()),
                    Err(why) => busy = Some(why), // a removal is in progress, or a disk is busy
                }
            }
            if engine.is_late() || (refused.is_some() && !is_over) {
                let seconds = began.elapsed().as_secs_f64();
                let how = seen.explanation();
                let why = busy.or(refused).map(|why| format!("; {why}")).unwrap_or_default();
                let message = format!(
                    "{environment} is not stopped after {seconds:.0} s: its container {how}{why}"
                );
                return Err(Failure::failed(seen.state(), seen.exit(), message));
            }
            sleep(GLANCE).await;
        }
    }
}

fn is_refusal(trouble: &Trouble) -> bool {
    matches!(trouble, Trouble::Refused { .. })
}
