//! The calls of the Engine's API that a deploy needs. What is not there is `None` or false, not an error.

use hyper::Method;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use tokio::time::sleep;

use super::PAUSE;
use super::container::Container;
use super::engine::{Engine, encoded};
use super::frames::Frames;
use super::image::{Image, Progress};
use super::trouble::Trouble;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Created {
    id: String,
}

impl Engine {
    /// The container of this name or id.
    pub(super) async fn container(&self, name: &str) -> Result<Option<Container>, Trouble> {
        found(self.get(&format!("/containers/{name}/json")).await)
    }

    /// The container of this id, asked again while the Engine cannot be asked, as when it is started again.
    pub(super) async fn settled(&self, id: &str) -> Result<Option<Container>, Trouble> {
        loop {
            match self.container(id).await {
                Err(_) if !self.is_late() => sleep(PAUSE).await,
                other => return other,
            }
        }
    }

    pub(super) async fn has_network(&self, name: &str) -> Result<bool, Trouble> {
        let network: Result<IgnoredAny, Trouble> = self.get(&format!("/networks/{name}")).await;
        Ok(found(network)?.is_some())
    }

    pub(super) async fn has_image(&self, image: &Image) -> Result<bool, Trouble> {
        let image: Result<IgnoredAny, Trouble> = self.get(&format!("/images/{image}/json")).await;
        Ok(found(image)?.is_some())
    }

    /// Pulls an image. A registry that refuses is told with its own words.
    pub(super) async fn pull(&self, image: &Image) -> Result<(), Trouble> {
        let mut progress = Progress::default();
        let path = format!("/images/create?{}", image.query());
        self.stream(Method::POST, &path, self.in_time(), |bytes| progress.push(bytes)).await?;
        match progress.error() {
            None => Ok(()),
            Some(why) => {
                let request = "POST /images/create".to_owned();
                Err(Trouble::Refused { status: 200, request, why })
            }
        }
    }

    /// Creates a container, and returns its id.
    pub(super) async fn create(&self, name: &str, body: &Value) -> Result<String, Trouble> {
        let path = format!("/containers/create?name={}", encoded(name));
        let json = body.to_string().into_bytes();
        let answer = self.send(Method::POST, &path, Some(json), self.in_time()).await?;
        let created: Created = serde_json::from_slice(&answer).map_err(|error| {
            Trouble::Lost(format!(
                "Docker's answer to POST /containers/create is not understood: {error}"
            ))
        })?;
        Ok(created.id)
    }

    pub(super) async fn start(&self, id: &str) -> Result<(), Trouble> {
        let path = format!("/containers/{id}/start");
        self.ask(Method::POST, &path, self.in_time()).await.map(drop)
    }

    /// Asks the program to end, and kills it after some seconds. One that has ended, or is gone, is no trouble.
    pub(super) async fn stop(&self, id: &str, seconds: u64) -> Result<(), Trouble> {
        let path = format!("/containers/{id}/stop?t={seconds}");
        match self.ask(Method::POST, &path, self.in_time()).await {
            Err(trouble) if trouble.is(404) => Ok(()),
            other => other.map(drop),
        }
    }

    /// Removes a container that does not run. Its volumes stay.
    pub(super) async fn remove(&self, id: &str) -> Result<(), Trouble> {
        match self.ask(Method::DELETE, &format!("/containers/{id}"), self.soon()).await {
            Err(trouble) if trouble.is(404) => Ok(()),
            other => other.map(drop),
        }
    }

    /// The last lines of both streams.
    pub(super) async fn lines(
        &self,
        container: &Container,
        count: usize,
    ) -> Result<Vec<String>, Trouble> {
        let id = &container.id;
        let path = format!("/containers/{id}/logs?stdout=1&stderr=1&tail={count}");
        let mut frames = Frames::new(count, container.has_terminal());
        self.stream(Method::GET, &path, self.in_time(), |bytes| frames.push(bytes)).await?;
        frames.into_lines().ok_or_else(|| {
            Trouble::Lost(format!("Docker's answer to GET /containers/{id}/logs is not understood"))
        })
    }
}

fn found<T>(answer: Result<T, Trouble>) -> Result<Option<T>, Trouble> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(trouble) if trouble.is(404) => Ok(None),
        Err(trouble) => Err(trouble),
    }
}
