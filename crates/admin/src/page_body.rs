//! The body of a call that takes a page of HTML.

use axum::extract::{FromRequest, Request};
use axum::http::header;
use contract::Code;

use crate::json_body;
use crate::problem::Problem;

/// The page in the body of a call; `None`: it has no body.
#[derive(Debug)]
pub(crate) struct PageBody(pub(crate) Option<String>);

impl<S: Send + Sync> FromRequest<S> for PageBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE).cloned();
        let bytes = json_body::read(request.into_body()).await?;
        if bytes.is_empty() {
            return Ok(Self(None));
        }
        let is_html = |kind: &[u8]| kind.trim_ascii().eq_ignore_ascii_case(b"text/html");
        let kind =
            kind.as_ref().and_then(|kind| kind.as_bytes().split(|byte| *byte == b';').next());
        if !kind.is_some_and(is_html) {
            let title = "The body of this call must be a page of HTML";
            return Err(Problem::new(Code::UnexpectedBody, title).because(
                "Send it with Content-Type: text/html, and parameters in the query string",
            ));
        }
        let page = String::from_utf8(bytes.to_vec());
        page.map(|page| Self(Some(page))).map_err(|_| {
            Problem::new(Code::UnexpectedBody, "The page is not UTF-8 text")
                .because("Save it as UTF-8 and send it again")
        })
    }
}
