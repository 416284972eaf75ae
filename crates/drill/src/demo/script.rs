//! The script of the demo. Each step prints the equivalent command, then Teal's
//! answer.

use std::time::{Duration, Instant};

use super::screen::Screen;
use super::setup::DemoSetup;
use super::{DemoError, DemoOptions};
use crate::admin::AdminResponse;

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
    setup: &mut DemoSetup,
    screen: &Screen,
    options: &DemoOptions,
) -> Result<(), DemoError> {
    if !options.once {
        acts(setup, screen, options).await?;
        return encore(setup, screen, options).await;
    }
    let deadline = Instant::now() + options.time;
    match tokio::time::timeout_at(deadline.into(), acts(setup, screen, options)).await {
        Ok(played) => played?,
        Err(_) => screen.say("out of time; skipping the rest of the script"),
    }
    let enough = |setup: &DemoSetup| {
        setup.load().is_some_and(|load| load.snapshot().sent >= options.requests)
    };
    while !enough(setup) && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// The acts of the demo.
async fn acts(
    setup: &mut DemoSetup,
    screen: &Screen,
    options: &DemoOptions,
) -> Result<(), DemoError> {
    let beat = if options.once { BEAT_ONCE } else { BEAT_SHOWN };
    screen.say("blue (v1) is active; green (v2) is idle and healthy");
    tokio::time::sleep(beat * 2).await;

    switch(setup, screen, None).await?;
    kill_drained(setup, screen).await?;
    tokio::time::sleep(beat).await;
    refuse(setup, screen).await?;
    tokio::time::sleep(beat).await;
    restart_idle(setup, screen).await?;
    switch(setup, screen, Some(WAIT_HEALTHY)).await?;
    tokio::time::sleep(beat).await;
    let answer = setup.rollback().await?;
    report(setup, screen, "teal rollback --no-wait", &answer);

    let mut round = 0;
    while setup.timeline().switches() < options.switches {
        tokio::time::sleep(beat).await;
        switch(setup, screen, Some(WAIT_HEALTHY)).await?;
        round += 1;
        if round % 3 == 0 {
            kill_drained(setup, screen).await?;
            tokio::time::sleep(beat).await;
            restart_idle(setup, screen).await?;
        }
    }
    drain(setup, screen).await?;
    tokio::time::sleep(beat).await;
    Ok(())
}

/// Lets the user play along: everything keeps running until a signal.
async fn encore(
    setup: &mut DemoSetup,
    screen: &Screen,
    options: &DemoOptions,
) -> Result<(), DemoError> {
    setup.open_to_all();
    if let Some(load) = setup.load() {
        load.set_rate(Some(REQUESTS_PER_SECOND_OPEN));
    }
    screen.say(&invitation(setup, options));
    loop {
        tokio::select! {
            color = setup.casualty() => {
                screen.update(setup);
                screen.say(&format!("{color} was killed; it comes back in {ABSENCE:?}"));
                tokio::time::sleep(ABSENCE).await;
                setup.restart(color).await?;
                screen.update(setup);
                screen.say(&format!("{color} is running again{}", process_id(setup, color)));
            }
            () = tokio::time::sleep(Duration::from_millis(500)) => {
                if let Some(active) = setup.active_by_status().await? {
                    screen.active(&active);
                }
            }
        }
    }
}

/// The commands for playing along, ready to be copied.
fn invitation(setup: &DemoSetup, options: &DemoOptions) -> String {
    let (public, control) = (setup.public(), setup.control());
    let exe = options.teal_exe.display();
    let token = setup.token_file();
    let flags = format!("--admin http://{control} --token-file {}", token.display());
    let mut lines = vec!["your turn: the load runs until Ctrl-C. In another terminal:".to_owned()];
    for command in ["status", "top", "switch blue", "switch green", "rollback", "history"] {
        lines.push(format!("  {exe} {command} {flags}"));
    }
    lines.push(format!("  curl http://{public}/version"));
    lines.push(format!(
        "or in the console; to act there, sign in with the token in {}",
        token.display()
    ));
    for target in setup.targets() {
        if let Some(id) = target.process_id() {
            let (color, version) = (target.color, target.version);
            lines.push(format!("  kill -9 {id}  # {color} ({version}); it comes back by itself"));
        }
    }
    let advice = "killing the active color loses the requests it is answering; killing the idle one loses nothing";
    lines.push(advice.to_owned());
    lines.join("\n")
}

async fn switch(
    setup: &mut DemoSetup,
    screen: &Screen,
    patience: Option<Duration>,
) -> Result<(), DemoError> {
    let to = setup.idle();
    let command = match patience {
        None => format!("teal switch {to} --no-wait"),
        Some(patience) => {
            format!("teal switch {to} --no-wait --wait-healthy {}s", patience.as_secs())
        }
    };
    let answer = setup.switch(patience).await?;
    report(setup, screen, &command, &answer);
    Ok(())
}

async fn drain(setup: &DemoSetup, screen: &Screen) -> Result<(), DemoError> {
    let idle = setup.idle();
    let answer = setup.drained().await?;
    let took = answer.answered - answer.commanded;
    screen.say(&format!("{idle} is drained{}: safe to stop", took_text(took)));
    Ok(())
}

/// Kills the idle color at the instant when it is reported safe to stop.
async fn kill_drained(setup: &mut DemoSetup, screen: &Screen) -> Result<(), DemoError> {
    drain(setup, screen).await?;
    let idle = setup.idle();
    let id = process_id(setup, idle);
    setup.kill(idle).await?;
    screen.update(setup);
    screen.say(&format!("kill -9 {idle}{id}; Teal has noticed"));
    Ok(())
}

async fn refuse(setup: &mut DemoSetup, screen: &Screen) -> Result<(), DemoError> {
    let idle = setup.idle();
    let answer = setup.refused_switch().await?;
    let reason = answer.text.trim().replace('\n', ": ");
    screen.say(&format!("teal switch {idle} → refused: {reason}"));
    Ok(())
}

async fn restart_idle(setup: &mut DemoSetup, screen: &Screen) -> Result<(), DemoError> {
    let idle = setup.idle();
    setup.restart(idle).await?;
    screen.update(setup);
    screen.say(&format!("{idle} was restarted{}", process_id(setup, idle)));
    Ok(())
}

fn report(setup: &DemoSetup, screen: &Screen, command: &str, answer: &AdminResponse) {
    screen.update(setup);
    let took = took_text(answer.answered - answer.commanded);
    screen.say(&format!("{command} → {}{took}", answer.first_line()));
}

fn took_text(took: Duration) -> String {
    format!(" ({:.1} ms)", took.as_secs_f64() * 1_000.0)
}

fn process_id(setup: &DemoSetup, color: &str) -> String {
    let target = setup.targets().into_iter().find(|target| target.color == color);
    let id = target.and_then(super::target::DemoTarget::process_id);
    id.map_or_else(String::new, |id| format!(" (process {id})"))
}
