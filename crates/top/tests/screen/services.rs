//! The view of one service, at several sizes and in several states.

use std::time::Duration;

use ratatui_core::style::{Color, Modifier};
use serde_json::json;
use top::{Options, Top};

use crate::documents::{color, reading, service, status, target, with_series};
use crate::{NOW, assert_has, colored, lines, lines_at, terminal};

#[test]
fn both_colors_stand_side_by_side_with_shape_word_and_figures() {
    let mut top = colored();
    top.read(NOW, with_series(service("web")));
    let shown = lines(&top);
    assert_has(
        &shown,
        &[
            "web  generation 7",
            "● connected",
            "blue (v41) serves; green (v42) is drained: safe to stop",
            "● BLUE: active",
            "○ GREEN: idle",
            "12, 3 streams, oldest 4.2s",
            "no: active",
            "yes: drained",
            "4xx 2  5xx 0  failed 0",
            "p50 1.2 ms  p99 18.5 ms",
            "p50 –  p99 –",
            "● 127.0.0.1:8081 up: 200 in 0.80 ms",
            "s switch  r rollback  h hold",
        ],
    );
    let rates = shown.iter().find(|line| line.starts_with("requests/s")).expect("rates");
    assert!(rates.contains("1,160") && rates.contains('█') && rates.contains('▁'), "{rates}");
    assert_eq!((top.wanted(), top.wants_history()), (Some("web"), true));
}

#[test]
fn figures_that_were_not_given_are_dashes() {
    let mut top = colored();
    top.read(NOW, reading(&[service("web")]));
    let shown = lines(&top);
    for label in ["requests/s", "errors/s", "latency"] {
        let line = shown.iter().find(|line| line.starts_with(label)).expect(label);
        let words: Vec<_> = line.split_whitespace().collect();
        assert_eq!(words, [label, "–", label, "–"], "{line}");
    }
}

#[test]
fn a_drain_shows_what_is_left_and_how_long_it_may_take() {
    let mut web = service("web");
    web["active"] = "green".into();
    web["colors"]["green"]["role"] = "active".into();
    web["colors"]["blue"]["role"] = "draining".into();
    web["colors"]["blue"]["deadline_seconds"] = 22.0.into();
    let mut top = colored();
    top.read(NOW, with_series(web));
    assert_has(
        &lines(&top),
        &[
            "green (v42) serves; blue (v41) is draining 12: do not stop blue",
            "▲ BLUE: draining",
            "● GREEN: active",
            "no: 22s to the deadline",
        ],
    );
}

#[test]
fn what_needs_attention_is_in_the_head_with_its_reason() {
    let mut web = service("web");
    web["held"] = json!({ "waiting": 5, "since": "2026-11-23T15:04:05.678Z", "actor": "teal", "max_wait_seconds": 30.0 });
    web["colors"]["blue"]["healthy"] = false.into();
    web["colors"]["blue"]["reason"] = "http://127.0.0.1:8081: connection refused".into();
    web["colors"]["blue"]["targets"] =
        json!([target("http://127.0.0.1:8081", Some("connection refused"))]);
    let mut top = colored();
    top.read(NOW, reading(&[web]));
    assert_has(
        &lines(&top),
        &[
            "blue (v41) is held; green",
            "✕ the active color blue is down: http://127.0.0.1:8081: connection refused (and",
            "✕ BLUE: active, down",
            "✕ 127.0.0.1:8081: connection refused",
            "h resume",
        ],
    );
}

#[test]
fn the_last_picture_stays_and_says_since_when_it_is_stale() {
    let mut top = colored();
    top.read(NOW, reading(&[service("web")]));
    assert_has(&lines_at(&top, 80, 24, NOW + Duration::from_secs(2)), &["● connected"]);
    let late = NOW + Duration::from_secs(8);
    assert_has(
        &lines_at(&top, 80, 24, late),
        &["▲ stale for 8s", "Teal does not answer", "● BLUE: active"],
    );
    top.lost("cannot reach Teal at http://127.0.0.1:9900: Connection refused\nIs it running?");
    let shown = lines_at(&top, 80, 24, late);
    assert_has(
        &shown,
        &[
            "▲ stale for 8s",
            "▲ the last picture: cannot reach Teal at http://127.0.0.1:9900: Connection",
        ],
    );
    let terminal = terminal(&top, 80, 24, late);
    let body = terminal.backend().buffer().cell((0, 5)).expect("a cell");
    assert!(body.modifier.contains(Modifier::DIM));
    top.read(late, reading(&[service("web")]));
    assert_has(&lines_at(&top, 80, 24, late), &["● connected"]);
}

#[test]
fn a_small_terminal_shows_less_and_one_that_is_too_small_says_what_is_needed() {
    let mut top = colored();
    top.read(NOW, with_series(service("web")));
    assert_has(
        &lines_at(&top, 60, 20, NOW),
        &["● BLUE: active", "○ GREEN: idle", "s switch", "latency"],
    );
    assert_has(&lines_at(&top, 56, 16, NOW), &["● BLUE: active", "q quit"]);
    let small = lines_at(&top, 40, 10, NOW);
    assert_has(&small, &["teal top needs 56×16, this is 40×10", "teal status"]);
    for (width, height) in [(1, 1), (2, 40), (300, 1), (55, 15)] {
        lines_at(&top, width, height, NOW);
    }
}

#[test]
fn a_large_terminal_shows_targets_in_full_and_taller_bars() {
    let mut web = service("web");
    let targets: Vec<_> =
        (0..9).map(|n| target(&format!("http://10.0.0.{n}:8081"), None)).collect();
    web["colors"]["blue"]["targets"] = targets.into();
    let mut top = colored();
    top.read(NOW, with_series(web));
    let shown = lines_at(&top, 200, 50, NOW);
    assert_has(&shown, &["● http://10.0.0.8:8081 up, probed 2s ago: 200 in 0.8 ms"]);
    assert!(shown.iter().filter(|line| line.contains('█')).count() >= 3, "{}", shown.join("\n"));
    assert_has(&lines(&top), &["… and"]);
}

#[test]
fn nothing_from_the_network_reaches_the_terminal_as_a_control_and_all_is_cut() {
    let evil = format!("503 \x1b]0;owned\x07\x1b[2J\u{202e}青緑 {}", "x".repeat(4096));
    let long = "s".repeat(63);
    let mut web = service(&long);
    web["colors"]["blue"]["healthy"] = false.into();
    web["colors"]["blue"]["reason"] = (&*evil).into();
    web["colors"]["blue"]["version"] = "v\x1b[31m青".into();
    web["colors"]["blue"]["targets"] = json!([target("http://127.0.0.1:8081", Some(&evil))]);
    let mut top = colored();
    top.read(NOW, reading(&[web]));
    top.lost(&evil);
    for (width, height) in [(80, 24), (60, 20), (200, 50)] {
        let terminal = terminal(&top, width, height, NOW);
        let cells = terminal.backend().buffer().content();
        assert!(cells.iter().all(|cell| !cell.symbol().contains(char::is_control)));
    }
    let shown = lines(&top);
    assert!(shown.iter().any(|line| line.contains('…')));
    // A wide character takes two cells of its column: the other column begins where it always does.
    let version = shown.iter().find(|line| line.starts_with("version")).expect("a version");
    assert!(version.contains('青'), "{version}");
    let plain = top.text();
    assert!(!plain.contains(|c: char| c.is_control() && c != '\n'), "{plain:?}");
}

#[test]
fn without_color_words_and_shapes_remain() {
    let mut plain = Top::new(Options { has_colors: false, service: None });
    let mut colored = colored();
    for top in [&mut plain, &mut colored] {
        top.read(NOW, with_series(service("web")));
    }
    assert_eq!(lines(&plain), lines(&colored));
    let hues = |top: &Top| {
        let terminal = terminal(top, 80, 24, NOW);
        terminal
            .backend()
            .buffer()
            .content()
            .iter()
            .any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset)
    };
    assert!(!hues(&plain) && hues(&colored));
}

#[test]
fn a_rollout_under_way_is_shown_with_its_evidence() {
    let mut web = service("web");
    web["rollout"] = json!({
        "id": 3, "services": ["web"], "stable": "green", "candidate": "blue", "version": "v2", "actor": "teal",
        "generation": 7, "began": "2026-11-23T15:04:05.678Z", "state": "baking", "bake_seconds": 600.0,
        "left_seconds": 480.0, "takes_back": true, "verdict": "web: 1240 requests, 3 failed",
    });
    let mut top = colored();
    top.read(NOW, reading(&[web]));
    assert_has(
        &lines(&top),
        &["Rollout 3 of v2 of web to blue: baking", "1240 requests, 3 failed"],
    );
}

#[test]
fn a_deploy_and_the_history_are_shown_with_the_service() {
    let mut all = status(&[service("web")], 1);
    all.deploys = serde_json::from_value(json!([
        { "id": 3, "services": ["web"], "color": "green", "version": "v42", "from_version": "v41", "actor": { "token": "ci" },
          "by": "ci@runner", "claim": 1, "step": "gate", "step_seconds": 12, "steps": [], "started": "2026-11-23T15:04:05.678Z",
          "generation": null, "result": null },
    ])).expect("deploys");
    let mut top = colored();
    top.read(NOW, top::Reading { status: all, series: None });
    top.remember(serde_json::from_value(json!({ "changes": [
        { "kind": "hold", "service": "web", "actor": { "uid": 0 }, "max_wait_seconds": 30.0, "at": "2026-11-23T15:04:05.678Z" },
        { "kind": "hold", "service": "api", "actor": { "uid": 1 }, "max_wait_seconds": 30.0, "at": "2026-11-23T15:04:05.678Z" },
    ] })).expect("a history"));
    assert!(!top.wants_history());
    let shown = lines(&top);
    assert_has(
        &shown,
        &[
            "Deploy 3 of v42 by ci@runner: web to green, step gate for 12s",
            "11-23 15:04:05  hold of web, by uid 0",
        ],
    );
    assert!(!shown.iter().any(|line| line.contains("uid 1")));
    for (kind, service, at) in [
        ("health", "web", "16"),
        ("refused", "web", "14"),
        ("health", "api", "17"),
        ("published", "web", "18"),
    ] {
        top.happened(&serde_json::from_value(json!({
            "id": 1, "at": format!("2026-11-23T{at}:00:00.000Z"), "kind": kind, "service": service, "color": "green",
            "target": "http://127.0.0.1:8082", "health": "down", "code": "unhealthy", "reason": "connection refused",
        })).expect("an event"));
    }
    let shown = lines(&top);
    let first = shown.iter().position(|line| line.contains("history (UTC)")).expect("a history");
    for (line, words) in shown[first + 1..].iter().zip([
        "11-23 16:00:00  web: the green target http://127.0.0.1:8082 is down: connection",
        "11-23 15:04:05  hold of web, by uid 0",
        "11-23 14:00:00  web: a call was refused (unhealthy): connection refused",
        "     ",
    ]) {
        assert!(line.starts_with(words), "{line}");
    }
}

#[test]
fn the_books_the_last_change_and_the_way_back_are_shown() {
    // L8
    let mut web = service("web");
    web["books"] = json!({
        "accepted": 12_345, "answered": { "blue": 12_300, "green": 40, "teal": 2 }, "aborted": 1, "in_flight": 2, "lost": 0,
    });
    web["changed"] = json!({ "at": "2026-11-23T15:04:05.678Z", "actor": { "token": "ci" }, "verb": "switch", "reason": null });
    web["rollback"] =
        json!({ "to": "green", "version": "v42", "until": "2026-11-24T15:04:05.678Z" });
    web["colors"]["blue"]["targets"][0]["in_flight"] = 12.into();
    let mut top = colored();
    top.read(NOW, reading(&[web]));
    assert_has(
        &lines(&top),
        &[
            "web  generation 7, switch 11-23 15:04:05 by token ci",
            "Lost 0 of 12,345: blue 12,300 + green 40 + Teal 2 + aborted 1 + in flight 2",
            "Rollback: possible to green (v42) until 11-24 15:04:05",
            "● 127.0.0.1:8081 up, 12 in flight: 200…",
        ],
    );
    assert!(top.text().contains("Lost 0 of 12,345"));
}

#[test]
fn plain_text_has_everything_in_80_columns() {
    let mut web = service("web");
    let targets: Vec<_> =
        (0..9).map(|n| target(&format!("http://10.0.0.{n}:8081"), None)).collect();
    web["colors"]["blue"]["targets"] = targets.into();
    web["colors"]["green"] = color("idle", 8082);
    let mut top = Top::new(Options::default());
    top.read(NOW, with_series(web));
    let text = top.text();
    let lines: Vec<_> = text.lines().map(str::to_owned).collect();
    assert!(lines.iter().all(|line| line.chars().count() <= 80 && !line.ends_with(' ')), "{text}");
    assert_has(&lines, &["● BLUE: active", "● 10.0.0.8:8081 up", "no changes yet"]);
    assert!(!text.contains("quit"), "{text}");
}
