//! The admin API of a running Teal, as a deploy needs it. Every call has a deadline.

use std::time::Duration;

use contract::wire::{
    Color, Deploy, DeployReport, DeployRequest, Deploys, ProblemDocument, Receipt, Retired, Status,
    SwitchOutcome, TargetsAnswer,
};
use deploy::{Admin, NoReply, Reply, SwitchOrder, TargetsOrder};
use hyper::Method;
use rules::WARM_UP_MAX;
use serde::de::DeserializeOwned;

use crate::client::http::NoAnswer;
use crate::client::query;
use crate::client::reach::Teal;

/// The time for an answer that waits for nothing.
const ANSWER: Duration = Duration::from_secs(10);
/// The time for a switch beyond the wait for health: the proof, a warm-up, the journal and the publish.
const SWITCH: Duration = WARM_UP_MAX.saturating_add(Duration::from_secs(60));

/// The admin API.
#[derive(Debug)]
pub(super) struct AdminApi(pub(super) Teal);

impl Admin for AdminApi {
    fn status(&self) -> Reply<'_, Status> {
        Box::pin(self.ask(Method::GET, "/admin/status".to_owned(), None, None, ANSWER))
    }

    fn deploy(&self, id: u64) -> Reply<'_, Deploy> {
        Box::pin(self.ask(Method::GET, format!("/admin/deploys/{id}"), None, None, ANSWER))
    }

    fn deploys<'a>(&'a self, service: &'a str) -> Reply<'a, Deploys> {
        let path = query("/admin/deploys", &[("service", Some(service))]);
        Box::pin(self.ask(Method::GET, path, None, None, ANSWER))
    }

    fn begin<'a>(&'a self, request: &'a DeployRequest, generation: u64) -> Reply<'a, Deploy> {
        let body = serde_json::to_vec(request).ok();
        let path = "/admin/deploys".to_owned();
        Box::pin(self.ask(Method::POST, path, Some(generation), body, ANSWER))
    }

    fn report<'a>(&'a self, id: u64, report: &'a DeployReport) -> Reply<'a, Deploy> {
        let body = serde_json::to_vec(report).ok();
        Box::pin(self.ask(Method::PATCH, format!("/admin/deploys/{id}"), None, body, ANSWER))
    }

    fn switch<'a>(&'a self, order: &'a SwitchOrder) -> Reply<'a, SwitchOutcome> {
        let text =
            |time: Option<Duration>| time.map(|time| format!("{}ms", time.as_millis().max(1)));
        let (wait, drain, to) = (text(order.wait_healthy), text(order.drain), order.to.to_string());
        let service = order.group.is_none().then_some(&*order.service);
        let path = query(
            if order.rollback { "/admin/rollback" } else { "/admin/switch" },
            &[
                ("to", (!order.rollback).then_some(&*to)),
                ("service", service),
                ("group", order.group.as_deref()),
                ("wait", (!order.dry_run).then_some("published")),
                ("wait_healthy", wait.as_deref()),
                ("drain", drain.as_deref().filter(|_| !order.dry_run)),
                ("dry_run", order.dry_run.then_some("true")),
            ],
        );
        let patience = SWITCH + order.wait_healthy.unwrap_or_default();
        Box::pin(self.ask(Method::POST, path, Some(order.generation), None, patience))
    }

    fn retire<'a>(&'a self, service: &'a str, color: Color) -> Reply<'a, Retired> {
        let color = color.to_string();
        let path = query("/admin/retire", &[("color", Some(&color)), ("service", Some(service))]);
        Box::pin(self.ask(Method::POST, path, None, None, ANSWER))
    }

    fn targets<'a>(&'a self, order: &'a TargetsOrder) -> Reply<'a, TargetsAnswer> {
        let path = format!("/admin/services/{}/{}/targets", order.service, order.color);
        let body = serde_json::to_vec(&order.request).ok();
        Box::pin(self.ask(Method::PUT, path, None, body, ANSWER))
    }

    fn receipt<'a>(&'a self, generation: u64, service: &'a str) -> Reply<'a, Receipt> {
        let path = query(&format!("/admin/receipts/{generation}"), &[("service", Some(service))]);
        Box::pin(self.ask(Method::GET, path, None, None, ANSWER))
    }
}

impl AdminApi {
    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: String,
        generation: Option<u64>,
        body: Option<Vec<u8>>,
        patience: Duration,
    ) -> Result<T, NoReply> {
        let asking = self.0.send(method, &path, generation, body.unwrap_or_default());
        let answer = tokio::time::timeout(patience, asking).await.map_err(|_| {
            let seconds = patience.as_secs();
            NoReply::Unanswered(format!("{} did not answer within {seconds} s", self.0))
        })?;
        let answer = answer.map_err(|no_answer| {
            let broken = matches!(no_answer, NoAnswer::Broken(_));
            let message = self.0.failed(no_answer).message;
            if broken { NoReply::Unanswered(message) } else { NoReply::Unreachable(message) }
        })?;
        if answer.status == 200 || answer.status == 201 {
            return serde_json::from_slice(&answer.body).map_err(|error| {
                NoReply::Unanswered(format!(
                    "cannot understand the answer of {} ({error}); is it a different version from \
                     this command?",
                    self.0
                ))
            });
        }
        let refused = serde_json::from_slice::<ProblemDocument>(&answer.body);
        Err(NoReply::of(refused.unwrap_or_else(|_| ProblemDocument {
            kind: "about:blank".to_owned(),
            title: format!(
                "status {} without a problem document from {}; is it Teal?",
                answer.status, self.0
            ),
            status: answer.status,
            code: String::new(),
            detail: None,
        })))
    }
}
