//! Previews: what a token is made of, and the revocation of those that were made.
//!
//! Never here: a token or its key, which the controller does not know.

use std::sync::Arc;

use rules::{Command, Event, Refusal, ServiceName, gate};

use super::hold::in_force;
use super::status;
use crate::core::{Core, Inner};
use crate::events::LiveEvent;
use crate::inbox::Answer;
use crate::request::{PreviewGrant, PreviewRequest, PreviewsRevoked, RevokePreviewsRequest};

/// Grants a preview of the idle color, and reports it.
pub(super) fn grant(core: &Core, request: PreviewRequest) -> Answer<PreviewGrant> {
    let PreviewRequest { service, actor } = request;
    let granted = core.lock().preview_of(service.as_ref());
    match &granted {
        Ok(PreviewGrant { service, color, generation, .. }) => {
            tracing::info!(%service, %color, %generation, %actor, "a preview was made");
            let (service, color, generation) = (service.clone(), *color, *generation);
            core.emit(LiveEvent::PreviewMade { service, color, generation, actor });
        }
        Err(refusal) => core.refused(service.into(), &actor, refusal),
    }
    granted
}

/// Revokes the tokens of a service. Returns when every worker refuses them.
pub(super) async fn revoke(
    core: Arc<Core>,
    request: RevokePreviewsRequest,
) -> Answer<PreviewsRevoked> {
    let (scope, actor) = (request.service.clone().into(), request.actor.clone());
    let result = attempt(&core, request).await;
    result.inspect_err(|refusal| core.refused(scope, &actor, refusal))
}

async fn attempt(core: &Arc<Core>, request: RevokePreviewsRequest) -> Answer<PreviewsRevoked> {
    let RevokePreviewsRequest { service, actor } = request;
    let service = gate::name_service(&core.lock().state, service.as_ref())?;
    core.lock().has_previews(&service)?;
    let wanted = Command::RevokePreviews { service: service.clone(), actor: actor.clone() };
    let (own, name) = (core.clone(), service.clone());
    let then = move |inner: &mut Inner, _: &[Event]| {
        tracing::info!(service = %name, %actor, "the preview tokens were revoked");
        own.emit(LiveEvent::PreviewsRevoked { service: name, actor });
        Ok(own.publish(inner))
    };
    let version = core.commit_in_time(|_| Ok(wanted), then).await?;
    in_force(core, version).await?;
    Ok(PreviewsRevoked { service })
}

impl Inner {
    /// Returns what a preview of a service is made of now.
    fn preview_of(&self, service: Option<&ServiceName>) -> Answer<PreviewGrant> {
        let name = gate::name_service(&self.state, service)?;
        self.has_previews(&name)?;
        let (service, _) = status::find(&self.state, &name)?;
        let member = self.roster.member(&name).ok_or(Refusal::Stopping)?;
        let color = service.split.stable().other();
        if service.retired[color.index()] {
            return Err(Refusal::ColorRetired { service: name, color, deploy: None });
        }
        let spec = &member.spec;
        let preview = spec.policy.preview.ok_or(Refusal::NoPreviews { service: name.clone() })?;
        Ok(PreviewGrant {
            service: name,
            color,
            generation: service.generation,
            serial: service.preview_serial,
            version: service.versions[color.index()].clone(),
            preview,
            hosts: spec.hosts.clone(),
            path_prefix: spec.path_prefix.clone(),
        })
    }

    fn has_previews(&self, name: &ServiceName) -> Answer<()> {
        let member = self.roster.member(name);
        let has = member.is_some_and(|member| member.spec.policy.preview.is_some());
        if has { Ok(()) } else { Err(Refusal::NoPreviews { service: name.clone() }) }
    }
}
