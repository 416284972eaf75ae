//! The verbs as a deploy script uses them: what they print, and how they exit.

use std::time::Duration;

use testkit::{Settings, Target, Teal};

use crate::TEAL;
use crate::stage::{Stage, beside};

#[test]
fn a_deploy_script_can_rely_on_the_exit_codes() {
    let stage = Stage::new();
    stage.teal.cli(&["status"]).assert_code(0);
    stage.teal.cli(&["switch", "green"]).assert_code(0);
    stage.teal.cli(&["switch", "green"]).assert_code(0);
    stage.teal.cli(&["switch", "purple"]).assert_code(2);
    stage.teal.cli(&["switch"]).assert_code(2);
    stage.teal.cli(&["switch", "blue", "--if-generation", "99"]).assert_code(3);
    stage.teal.cli(&["switch", "blue", "--service", "nobody"]).assert_code(1);
    stage.blue.stop();
    stage.teal.wait_healthy("blue", false);
    let refused = stage.teal.cli(&["switch", "blue"]);
    refused.assert_code(3);
    assert!(refused.all().contains("connection refused"), "{}", refused.all());
    let gone = stage.teal.cli_bare(&["status", "--admin", "http://127.0.0.1:1"], &[]);
    gone.assert_code(4);
    assert!(gone.stderr.contains("127.0.0.1:1"), "{}", gone.stderr);
    let help = stage.teal.cli_bare(&["switch", "--force"], &[]);
    help.assert_code(2);
    stage.finish();
}

#[test]
fn a_switch_can_wait_until_green_is_healthy() {
    let (blue, green) = (Target::start("blue"), Target::stopped("green"));
    let teal = Teal::start(TEAL, &Settings::new(&blue, &green));
    let impatient = teal.cli(&["switch", "green", "--wait-healthy", "300ms"]);
    impatient.assert_code(3);
    let patient = beside(&teal, &["switch", "green", "--wait-healthy", "20s"]);
    // Another one only asks and gives up in that time: it supersedes nothing.
    teal.cli(&["switch", "green", "--wait-healthy", "300ms", "--dry-run"]).assert_code(3);
    assert!(!patient.is_finished());
    green.restart();
    patient.join().expect("the command ran").assert_code(0);
    assert_eq!(teal.active(), "green");
    teal.assert_books_balance();
}

#[test]
fn every_verb_speaks_json() {
    let stage = Stage::new();
    stage.teal.cli(&["switch", "green"]).assert_code(0);
    for arguments in [
        &["status", "--json"][..],
        &["history", "--json"],
        &["receipt", "--json"],
        &["switch", "green", "--json"],
        &["switch", "blue", "--dry-run", "--json"],
        &["hold", "--json"],
        &["resume", "--json"],
        &["wait", "drained", "blue", "--json"],
        &["rollback", "--json"],
        &["reload", "--json"],
    ] {
        let result = stage.teal.cli(arguments);
        result.assert_code(0);
        let json = serde_json::from_str::<serde_json::Value>(&result.stdout);
        assert!(json.is_ok(), "{arguments:?}: {}", result.all());
    }
    stage.teal.wait_healthy("green", true);
    let problem = stage.teal.cli(&["switch", "green", "--if-generation", "99", "--json"]);
    problem.assert_code(3);
    assert!(problem.all().contains("generation_mismatch"), "{}", problem.all());
    stage.finish();
}

#[test]
fn verbs_that_need_no_admin_api_speak_json_too() {
    let stage = Stage::new();
    let json = |arguments: &[&str], code: i32| {
        let result = stage.teal.cli_bare(arguments, &[]);
        result.assert_code(code);
        assert_eq!(result.stderr, "", "{arguments:?}");
        serde_json::from_str::<serde_json::Value>(&result.stdout).expect(&result.stdout)
    };
    let config = stage.teal.config().display().to_string();
    let good = json(&["check", "--config", &config, "--json"], 0);
    assert_eq!((&good["ok"], &good["problems"]), (&true.into(), &serde_json::json!([])));
    let bad = stage.teal.state_dir().join("bad.toml");
    std::fs::write(&bad, "\nwrokers = 2\n").expect("the file can be written");
    let bad = bad.display().to_string();
    let checked = json(&["check", "--config", &bad, "--json"], 2);
    assert_eq!(checked["ok"], false);
    let problems = checked["problems"].as_array().expect("problems");
    let unknown = problems.iter().find(|problem| problem["line"] == 2).expect("its line");
    assert_eq!((&unknown["path"], &unknown["column"]), (&(*bad).into(), &1.into()));
    assert!(unknown["message"].as_str().is_some_and(|text| text.contains("workers")), "{unknown}");

    let token = json(&["token", "new", "--name", "eyes", "--role", "viewer", "--json"], 0);
    assert_eq!((&token["name"], &token["role"]), (&"eyes".into(), &"viewer".into()));
    assert_eq!(token["sha256"].as_str().map(str::len), Some(64), "{token}");
    assert!(token["token"].as_str().is_some_and(|text| text.starts_with("teal_")), "{token}");

    let url = format!("http://{}/page", stage.teal.listener());
    let arguments = ["drill", &url, "--time", "500ms", "--connections", "2", "--json"];
    let drilled = json(&arguments, 0);
    let sent = drilled["sent"].as_u64().expect("a number");
    assert!(sent > 0 && drilled["lost"] == 0, "{drilled}");
    let seen = stage.blue.seen().requests_to("/page").len() as u64;
    assert!(seen >= sent, "{seen} of {sent}");
    stage.finish();
}

#[test]
fn a_receipt_and_the_history_read_well() {
    let stage = Stage::new();
    stage.teal.cli(&["switch", "green"]).assert_code(0);
    let generation = stage.teal.generation().to_string();
    let latest = stage.teal.cli(&["receipt"]);
    let named = stage.teal.cli(&["receipt", &generation]);
    latest.assert_code(0);
    assert_eq!(latest.stdout, named.stdout);
    for word in ["blue", "green", "drained", &generation] {
        assert!(latest.stdout.contains(word), "{word} is missing in {}", latest.stdout);
    }
    let history = stage.teal.cli(&["history"]);
    history.assert_code(0);
    assert!(history.stdout.contains(&generation), "{}", history.stdout);
    stage.finish();
}

#[test]
fn teal_is_found_by_flag_by_environment_and_the_token_likewise() {
    let stage = Stage::new();
    let admin = format!("http://{}", stage.teal.admin());
    let socket = format!("unix:{}", stage.teal.state_dir().join("admin.sock").display());
    let token = stage.teal.token();
    let file = stage.teal.state_dir().join("admin.token").display().to_string();
    let bare =
        |environment: &[(&str, &str)]| stage.teal.cli_bare(&["switch", "blue"], environment).code;
    assert_eq!(bare(&[("TEAL_ADMIN", &admin), ("TEAL_TOKEN", &token)]), Some(0));
    assert_eq!(bare(&[("TEAL_ADMIN", &admin), ("TEAL_TOKEN_FILE", &file)]), Some(0));
    assert_eq!(bare(&[("TEAL_ADMIN", &socket)]), Some(0));
    let wrong = stage
        .teal
        .cli_bare(&["switch", "green"], &[("TEAL_ADMIN", &admin), ("TEAL_TOKEN", "wrong")]);
    wrong.assert_code(1);
    assert!(wrong.all().contains("token"), "{}", wrong.all());
    stage.finish();
}

#[test]
fn tokens_and_completions_are_made_without_a_running_teal() {
    let run =
        |arguments: &[&str]| testkit::run(TEAL.as_ref(), arguments, &[], Duration::from_secs(10));
    let (one, two) = (run(&["token", "new"]), run(&["token", "new"]));
    one.assert_code(0);
    assert!(one.stdout != two.stdout && one.all().contains("sha256"), "{}", one.all());
    for shell in ["bash", "zsh", "fish"] {
        let completions = run(&["completions", shell]);
        completions.assert_code(0);
        assert!(completions.stdout.contains("rollback"));
    }
    run(&["--version"]).assert_code(0);
    let help = run(&["--help"]);
    help.assert_code(0);
    for verb in ["run", "check", "status", "switch", "rollback", "wait", "history", "hold", "demo"]
    {
        assert!(help.stdout.contains(verb), "{verb} is missing in {}", help.stdout);
    }
}
