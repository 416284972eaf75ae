//! `teal trace`.

use std::time::Duration;

use contract::text;
use contract::wire::{TraceEnd, TraceStep};
use serde::de::DeserializeOwned;

use super::reach::{Intent, Teal};
use super::{block_on, query, refused};
use crate::Outcome;
use crate::cli::TraceArgs;
use crate::exit::{Exit, Failure};
use crate::show;
use fetch::StreamingResponse;

/// The longest silence: Teal sends a sign of life every second.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// The longest event.
const EVENT_MAX: usize = 64 << 10;

/// Shows the steps of requests as they come.
pub(crate) fn trace(args: &TraceArgs) -> Outcome {
    block_on(follow(args))?
}

async fn follow(args: &TraceArgs) -> Outcome {
    let teal = Teal::find(&args.reach, Intent::Change).await?; // like all that only operators may do
    let count = args.count.to_string();
    let client = args.client.map(|client| client.to_string());
    let parameters = [
        ("header", args.header.as_deref()),
        ("client", client.as_deref()),
        ("path", args.path.as_deref()),
        ("count", Some(&*count)),
        ("for", Some(&*args.time.text)),
    ];
    let mut steps = match teal.follow(&query("/admin/trace", &parameters)).await? {
        Ok(steps) => steps,
        Err(answer) => return Err(refused(&args.reach, &answer)),
    };
    let requests = if args.count == 1 { "request" } else { "requests" };
    show::waiting(&format!("Following {count} {requests} for at most {}", args.time.text));
    let mut unread = Vec::new();
    while let Some(event) = next(&mut steps, &mut unread, SILENCE_MAX).await? {
        let Some((name, data)) = parts(&event) else { continue };
        match name {
            _ if args.reach.json => show::json(data.as_bytes()),
            "step" => show::text(&text::trace_step(&read::<TraceStep>(data)?)),
            _ => {
                let end: TraceEnd = read(data)?;
                show::text(&text::trace_end(&end));
            }
        }
        if name == "ended" || show::is_in_vain() {
            return Ok(Exit::Done);
        }
    }
    Err(Failure::failed(
        "the connection to Teal broke: it was stopped or killed while requests were followed",
    ))
}

/// The next event of the stream; `None`: it is over. A longer silence is a failure.
pub(super) async fn next(
    steps: &mut StreamingResponse,
    unread: &mut Vec<u8>,
    silence: Duration,
) -> Result<Option<String>, Failure> {
    loop {
        if let Some(end) = unread.windows(2).position(|two| two == b"\n\n") {
            let event = unread.drain(..end + 2).collect::<Vec<u8>>();
            return Ok(Some(String::from_utf8_lossy(&event).into_owned()));
        }
        let piece = match tokio::time::timeout(silence, steps.piece()).await {
            Ok(Some(piece)) => piece.unwrap_or_default(),
            Ok(None) => return Ok(None),
            Err(_) => {
                let seconds = silence.as_secs();
                return Err(Failure::failed(format!("Teal sent nothing for {seconds} s")));
            }
        };
        if piece.is_empty() || unread.len() + piece.len() > EVENT_MAX {
            return Ok(None); // the connection broke, or this is not Teal
        }
        unread.extend_from_slice(&piece);
    }
}

/// The name and the data of an event; `None`: a comment.
pub(super) fn parts(event: &str) -> Option<(&str, &str)> {
    let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
    field("event: ").zip(field("data: "))
}

fn read<T: DeserializeOwned>(data: &str) -> Result<T, Failure> {
    serde_json::from_str(data).map_err(|error| {
        Failure::failed(format!(
            "cannot understand a step that Teal has sent ({error}); is it a different version from this \
             command?"
        ))
    })
}
