//! The script of the demo. Each step prints the equivalent command, then Teal's
//! answer.

use std::time::{Duration, Instant};

use super::screen::Screen;
use super::stage::Stage;
use super::{DemoError, DemoOptions};
use crate::admin::Answer;

/// The pause between two steps, with and without an audience.
const BEAT_ONCE: Duration = Duration::from_millis(500);
const BEAT_SHOWN: Duration = Duration::from_millis(2_500);
/// The time that `teal switch --wait-healthy` waits for a target that was just started.
const WAIT_HEALTHY: Duration = Duration::from_secs(15);
/// Requests per second while the user plays along.
const REQUESTS_PER_SECOND_OPEN: u32 = 1_000;
/// The time until a target that the user killed is restarted.
const ABSENCE: Duration = Duration::from_secs(3);

/// Plays the script to its end, then returns with `once`, else keeps running.
pub(super) async fn play(
    stage: &mut Stage,
    screen: &Screen,
    options: &DemoOptions,
) -> Result<(), DemoError> {
    if !options.once {
        acts(stage, screen, options).await?;
        return encore(stage, screen, options).await;
    }
    let deadline = Instant::now() + options.time;
    match tokio::time::timeout_at(deadline.into(), acts(stage, screen, options)).await {
        Ok(played) => played?,
        Err(_) => screen.say("out of time; skipping the rest of the script"),
    }
    let enough =
        |stage: &Stage| stage.load().is_some_and(|load| load.snapshot().sent >= options.requests);
    while !enough(stage) && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// The acts of the demo.
async fn acts(stage: &mut Stage, screen: &Screen, options: &DemoOptions) -> Result<(), DemoError> {
    let beat = if options.once { BEAT_ONCE } else { BEAT_SHOWN };
    screen.say("blue (v1) is active; green (v2) is idle and healthy");
    tokio::time::sleep(beat * 2).await;

    switch(stage, screen, None).await?;
    kill_drained(stage, screen).await?;
    tokio::time::sleep(beat).await;
    refuse(stage, screen).await?;
    tokio::time::sleep(beat).await;
    restart_idle(stage, screen).await?;
    switch(stage, screen, Some(WAIT_HEALTHY)).await?;
    tokio::time::sleep(beat).await;
    let answer = stage.rollback().await?;
    report(stage, screen, "teal rollback --no-wait", &answer);

    let mut round = 0;
    while stage.timeline().switches() < options.switches {
        tokio::time::sleep(beat).await;
        switch(stage, screen, Some(WAIT_HEALTHY)).await?;
        round += 1;
        if round % 3 == 0 {
            kill_drained(stage, screen).await?;
            tokio::time::sleep(beat).await;
            restart_idle(stage, screen).await?;
        }
    }
    drain(stage, screen).await?;
    tokio::time::sleep(beat).await;
    Ok(())
}

/// Lets the user play along: everything keeps running until a signal.
async fn encore(
    stage: &mut Stage,
    screen: &Screen,
    options: &DemoOptions,
) -> Result<(), DemoError> {
    stage.open_to_all();
    if let Some(load) = stage.load() {
        load.set_rate(Some(REQUESTS_PER_SECOND_OPEN));
    }
    screen.say(&invitation(stage, options));
    loop {
        tokio::select! {
            color = stage.casualty() => {
                screen.update(stage);
                screen.say(&format!("{color} was killed; it comes back in {ABSENCE:?}"));
                tokio::time::sleep(ABSENCE).await;
                stage.restart(color).await?;
                screen.update(stage);
                screen.say(&format!("{color} is running again{}", process_id(stage, color)));
            }
            () = tokio::time::sleep(Duration::from_millis(500)) => {
                if let Some(active) = stage.active_by_status().await? {
                    screen.active(&active);
                }
            }
        }
    }
}

/// The commands for playing along, ready to be copied.
fn invitation(stage: &Stage, options: &DemoOptions) -> String {
    let (public, control) = (stage.public(), stage.control());
    let exe = options.teal_exe.display();
    let token = stage.token_file();
    let flags = format!("--admin http://{control} --token-file {}", token.display());
    let mut lines = vec!["your turn: the load runs until Ctrl-C. In another terminal:".to_owned()];
    for command in ["status", "switch blue", "switch green", "rollback", "history"] {
        lines.push(format!("  {exe} {command} {flags}"));
    }
    lines.push(format!("  curl http://{public}/version"));
    for actor in stage.actors() {
        if let Some(id) = actor.process_id() {
            let (color, version) = (actor.color, actor.version);
            lines.push(format!("  kill -9 {id}  # {color} ({version}); it comes back by itself"));
        }
    }
    let advice = "killing the active color loses the requests it is answering; killing the idle one loses nothing";
    lines.push(advice.to_owned());
    lines.join("\n")
}

async fn switch(
    stage: &mut Stage,
    screen: &Screen,
    patience: Option<Duration>,
) -> Result<(), DemoError> {
    let to = stage.idle();
    let command = match patience {
        None => format!("teal switch {to} --no-wait"),
        Some(patience) => {
            format!("teal switch {to} --no-wait --wait-healthy {}s", patience.as_secs())
        }
    };
    let answer = stage.switch(patience).await?;
    report(stage, screen, &command, &answer);
    Ok(())
}

async fn drain(stage: &Stage, screen: &Screen) -> Result<(), DemoError> {
    let idle = stage.idle();
    let answer = stage.drained().await?;
    let took = answer.answered - answer.commanded;
    screen.say(&format!("{idle} is drained{}: safe to stop", took_text(took)));
    Ok(())
}

/// Kills the idle color at the instant when it is reported safe to stop.
async fn kill_drained(stage: &mut Stage, screen: &Screen) -> Result<(), DemoError> {
    drain(stage, screen).await?;
    let idle = stage.idle();
    let id = process_id(stage, idle);
    stage.kill(idle).await?;
    screen.update(stage);
    screen.say(&format!("kill -9 {idle}{id}; Teal has noticed"));
    Ok(())
}

async fn refuse(stage: &mut Stage, screen: &Screen) -> Result<(), DemoError> {
    let idle = stage.idle();
    let answer = stage.refused_switch().await?;
    let reason = answer.text.trim().replace('\n', ": ");
    screen.say(&format!("teal switch {idle} → refused: {reason}"));
    Ok(())
}

async fn restart_idle(stage: &mut Stage, screen: &Screen) -> Result<(), DemoError> {
    let idle = stage.idle();
    stage.restart(idle).await?;
    screen.update(stage);
    screen.say(&format!("{idle} was restarted{}", process_id(stage, idle)));
    Ok(())
}

fn report(stage: &Stage, screen: &Screen, command: &str, answer: &Answer) {
    screen.update(stage);
    let took = took_text(answer.answered - answer.commanded);
    screen.say(&format!("{command} → {}{took}", answer.first_line()));
}

fn took_text(took: Duration) -> String {
    format!(" ({:.1} ms)", took.as_secs_f64() * 1_000.0)
}

fn process_id(stage: &Stage, color: &str) -> String {
    let actor = stage.actors().into_iter().find(|actor| actor.color == color);
    let id = actor.and_then(super::actor::Actor::process_id);
    id.map_or_else(String::new, |id| format!(" (process {id})"))
}
