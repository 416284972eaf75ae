//! `GET /admin/whoami`: the caller as this API takes it, so that a page can tell its user what will be refused.

use axum::response::Response;
use contract::text;
use contract::wire::{ProblemDocument, Whoami};

use crate::auth::Caller;
use crate::form::Form;
use crate::problem::Problem;
use crate::query::{NoBody, Query};

/// The name and the role of the caller.
#[utoipa::path(
    get,
    path = "/admin/whoami",
    tag = "read",
    responses(
        (status = 200, description = "The caller", body = Whoami),
        (status = "4XX", description = "Refused", body = ProblemDocument),
    ),
)]
pub(crate) async fn whoami(
    Caller { name, role }: Caller,
    form: Form,
    Query(()): Query<()>,
    _: NoBody,
) -> Result<Response, Problem> {
    Ok(form.answer(&Whoami { name, role: role.into() }, text::whoami))
}
