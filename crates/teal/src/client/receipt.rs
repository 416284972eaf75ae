//! `teal receipt`.

use contract::Code;
use contract::{text, wire};
use serde::Deserialize;

use super::http::AdminResponse;
use super::reach::{Intent, Teal};
use super::{block_on, print, query, understood};
use crate::Outcome;
use crate::cli::ReceiptArgs;
use crate::exit::{Exit, Failure};
use crate::show;

/// Shows the record of one switch; of a switch of several services all of them.
pub(crate) fn receipt(args: &ReceiptArgs) -> Outcome {
    block_on(async {
        let which = args.generation.map_or_else(|| "latest".to_owned(), |n| n.to_string());
        let path = format!("/admin/receipts/{which}");
        let teal = Teal::find(&args.reach, Intent::Read).await?;
        let answer = teal.get(&query(&path, &[("service", args.service.as_deref())])).await?;
        if !args.reach.json && is_of_several(&answer) {
            return all(args, &teal).await;
        }
        print(&args.reach, &answer, |receipt: &wire::Receipt| text::receipt(receipt))?;
        Ok(Exit::Done)
    })?
}

/// Returns true if the switch moved several services, so that one must be named.
fn is_of_several(answer: &AdminResponse) -> bool {
    #[derive(Deserialize)]
    struct Problem {
        code: String,
    }
    let problem = serde_json::from_slice::<Problem>(&answer.body);
    answer.status != 200
        && problem.is_ok_and(|problem| problem.code == Code::ServiceRequired.as_str())
}

/// Prints the receipts of all services that a switch moved: the history has them as of one moment.
async fn all(args: &ReceiptArgs, teal: &Teal) -> Result<Exit, Failure> {
    let answer = teal.get("/admin/history").await?;
    let history: wire::History = understood(&args.reach, &answer)?;
    let receipts = history.changes.into_iter().filter_map(|change| match change {
        wire::Change::Switch(receipt) => Some(*receipt),
        _ => None,
    });
    let mut receipts: Vec<_> = receipts.collect();
    let newest = receipts.first().map(|receipt| receipt.generation);
    receipts.retain(|receipt| Some(receipt.generation) == args.generation.or(newest));
    receipts.reverse();
    show::text(&text::receipts(&receipts));
    Ok(Exit::Done)
}
