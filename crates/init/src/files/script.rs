//! `deploy.sh`: the command that deploys a version.

use super::File;
use crate::answer::{Answers, CONFIG};

/// The script.
pub(super) fn deploy(answers: &Answers) -> File {
    let text = format!(
        "#!/bin/sh\n\
         # Deploys a version: deploy.sh VERSION\n\
         set -eu\n\
         version=${{1:?write: deploy.sh VERSION}}\n\
         cd \"$(dirname \"$0\")\"\n\
         exec teal deploy {} --version \"$version\" --config {CONFIG}\n",
        answers.service
    );
    File { path: "deploy.sh".to_owned(), text, executable: true }
}
