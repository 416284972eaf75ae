//! `teal maintenance on` and `teal maintenance off`.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use contract::text;
use contract::wire::MaintenanceAnswer;
use rules::ErrorPage;

use super::reach::{Intent, Teal};
use super::{block_on, print, query};
use crate::Outcome;
use crate::cli::{MaintenanceArgs, MaintenanceOffArgs, MaintenanceOnArgs, MaintenanceVerb};
use crate::exit::{Exit, Failure};

/// Begins, changes or ends a maintenance.
pub(crate) fn run(args: &MaintenanceArgs) -> Outcome {
    match &args.verb {
        MaintenanceVerb::On(args) => on(args),
        MaintenanceVerb::Off(args) => off(args),
    }
}

fn on(args: &MaintenanceOnArgs) -> Outcome {
    let page = args.page.as_deref().map(read_page).transpose()?;
    let allow = args.allow.join(",");
    let target = query(
        "/admin/maintenance",
        &[
            ("on", Some("true")),
            ("service", args.of.service.as_deref()),
            ("group", args.of.group.as_deref()),
            ("message", args.message.as_deref()),
            ("allow", Some(&*allow).filter(|allow| !allow.is_empty())),
        ],
    );
    let answer = block_on(async {
        let teal = Teal::find(&args.reach, Intent::Change).await?;
        match page {
            Some(page) => teal.post_page(&target, page).await,
            None => teal.post(&target).await,
        }
    })??;
    print(&args.reach, &answer, |answer: &MaintenanceAnswer| text::maintenance(answer))?;
    Ok(Exit::Done)
}

fn off(args: &MaintenanceOffArgs) -> Outcome {
    let target = query(
        "/admin/maintenance",
        &[
            ("on", Some("false")),
            ("service", args.of.service.as_deref()),
            ("group", args.of.group.as_deref()),
        ],
    );
    let answer =
        block_on(async { Teal::find(&args.reach, Intent::Change).await?.post(&target).await })??;
    print(&args.reach, &answer, |answer: &MaintenanceAnswer| text::maintenance(answer))?;
    Ok(Exit::Done)
}

fn read_page(path: &Path) -> Result<String, Failure> {
    let shown = path.display();
    let mut bytes = Vec::new();
    let most = ErrorPage::BYTES_MAX as u64 + 1;
    let read = fs::File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes));
    read.map_err(|error| Failure::usage(format!("cannot read {shown}: {error}")))?;
    if bytes.len() > ErrorPage::BYTES_MAX {
        return Err(Failure::usage(format!("{shown} is larger than 64 KiB; make it smaller")));
    }
    if bytes.is_empty() {
        return Err(Failure::usage(format!("{shown} is empty; write a page into it")));
    }
    String::from_utf8(bytes)
        .map_err(|_| Failure::usage(format!("{shown} is not UTF-8 text; save it as UTF-8")))
}
