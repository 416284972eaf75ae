//! The JSON of `GET /admin/whoami`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The caller, as Teal takes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Whoami {
    /// The name of the token, or `uid N` over the Unix socket; `null`: a caller without a token.
    #[schema(example = "mia")]
    pub name: Option<String>,
    /// The calls that it may make.
    pub role: CallerRole,
}

/// The calls that a caller may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CallerRole {
    /// All calls.
    Operator,
    /// Reads, and calls that deploy, switch, hold, retire and preview.
    Deployer,
    /// Reads.
    Viewer,
}

impl From<rules::Role> for CallerRole {
    fn from(role: rules::Role) -> Self {
        match role {
            rules::Role::Operator => Self::Operator,
            rules::Role::Deployer => Self::Deployer,
            rules::Role::Viewer => Self::Viewer,
        }
    }
}

impl CallerRole {
    /// Returns its name, as in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Deployer => "deployer",
            Self::Viewer => "viewer",
        }
    }
}
