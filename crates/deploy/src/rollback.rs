//! A rollback to a version that was stopped: a deploy of the version that the idle color had, whose switch is recorded
//! as a rollback.

use contract::wire::{Color, Status};
use rules::Version;

use crate::member::Member;
use crate::stop::{Ended, Verdict};

/// The version that was stopped in a color, which all services must share.
pub(crate) fn stopped_version(
    members: &[Member],
    color: Color,
    status: &Status,
) -> Result<Version, Ended> {
    let refused = |message: String| Ended::before(Verdict::Refused, message);
    let mut found: Option<Version> = None;
    for member in members {
        let service =
            member.in_status(status).ok_or_else(|| Ended::unknown_to_teal(&member.name))?;
        let known = service.colors.of(color).version.as_deref();
        let Some(version) = known.and_then(|version| Version::new(version).ok()) else {
            return Err(refused(format!(
                "it is not known which version of {name} ran in {color} before; deploy it: teal deploy {name} \
                 --supersede --version VERSION",
                name = member.name
            )));
        };
        match &found {
            Some(other) if *other != version => {
                return Err(refused(format!(
                    "the services of the group had different versions in {color}: {other} and {version}; roll back \
                     each of them: teal rollback --service SERVICE"
                )));
            }
            _ => found = Some(version),
        }
    }
    found.ok_or_else(|| refused("there is no service to roll back".to_owned()))
}
