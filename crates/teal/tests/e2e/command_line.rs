//! The verbs as a deploy script uses them: what they print, and how they exit.

use std::time::Duration;

use testkit::{Settings, Target, Teal};

use crate::TEAL;
use crate::setup::{Setup, beside};

#[test]
fn a_deploy_script_can_rely_on_the_exit_codes() {
    let setup = Setup::new();
    setup.teal.cli(&["status"]).assert_code(0);
    setup.teal.cli(&["switch", "green"]).assert_code(0);
    setup.teal.cli(&["switch", "green"]).assert_code(0);
    setup.teal.cli(&["switch", "purple"]).assert_code(2);
    setup.teal.cli(&["switch"]).assert_code(2);
    setup.teal.cli(&["switch", "blue", "--if-generation", "99"]).assert_code(3);
    setup.teal.cli(&["switch", "blue", "--service", "nobody"]).assert_code(2);
    setup.blue.stop();
    setup.teal.wait_healthy("blue", false);
    let refused = setup.teal.cli(&["switch", "blue"]);
    refused.assert_code(3);
    assert!(refused.all().contains("connection refused"), "{}", refused.all());
    let gone = setup.teal.cli_bare(&["status", "--admin", "http://127.0.0.1:1"], &[]);
    gone.assert_code(4);
    assert!(gone.stderr.contains("127.0.0.1:1"), "{}", gone.stderr);
    let help = setup.teal.cli_bare(&["switch", "--force"], &[]);
    help.assert_code(2);
    setup.finish();
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
    let setup = Setup::new();
    setup.teal.cli(&["switch", "green"]).assert_code(0);
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
        let result = setup.teal.cli(arguments);
        result.assert_code(0);
        let json = serde_json::from_str::<serde_json::Value>(&result.stdout);
        assert!(json.is_ok(), "{arguments:?}: {}", result.all());
    }
    setup.teal.wait_healthy("green", true);
    let problem = setup.teal.cli(&["switch", "green", "--if-generation", "99", "--json"]);
    problem.assert_code(3);
    assert!(problem.all().contains("generation_mismatch"), "{}", problem.all());
    setup.finish();
}

#[test]
fn verbs_that_need_no_admin_api_speak_json_too() {
    let setup = Setup::new();
    let json = |arguments: &[&str], code: i32| {
        let result = setup.teal.cli_bare(arguments, &[]);
        result.assert_code(code);
        assert_eq!(result.stderr, "", "{arguments:?}");
        serde_json::from_str::<serde_json::Value>(&result.stdout).expect(&result.stdout)
    };
    let config = setup.teal.config().display().to_string();
    let good = json(&["check", "--config", &config, "--json"], 0);
    assert_eq!((&good["ok"], &good["problems"]), (&true.into(), &serde_json::json!([])));
    let bad = setup.teal.state_dir().join("bad.toml");
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

    let url = format!("http://{}/page", setup.teal.listener());
    let arguments = ["drill", &url, "--time", "500ms", "--connections", "2", "--json"];
    let drilled = json(&arguments, 0);
    let sent = drilled["sent"].as_u64().expect("a number");
    assert!(sent > 0 && drilled["lost"] == 0, "{drilled}");
    let seen = setup.blue.seen().requests_to("/page").len() as u64;
    assert!(seen >= sent, "{seen} of {sent}");
    setup.finish();
}

#[test]
fn a_receipt_and_the_history_read_well() {
    let setup = Setup::new();
    setup.teal.cli(&["switch", "green"]).assert_code(0);
    let generation = setup.teal.generation().to_string();
    let latest = setup.teal.cli(&["receipt"]);
    let named = setup.teal.cli(&["receipt", &generation]);
    latest.assert_code(0);
    assert_eq!(latest.stdout, named.stdout);
    for word in ["blue", "green", "drained", &generation] {
        assert!(latest.stdout.contains(word), "{word} is missing in {}", latest.stdout);
    }
    let history = setup.teal.cli(&["history"]);
    history.assert_code(0);
    assert!(history.stdout.contains(&generation), "{}", history.stdout);
    setup.finish();
}

#[test]
fn teal_is_found_by_flag_by_environment_and_the_token_likewise() {
    let setup = Setup::new();
    let admin = format!("http://{}", setup.teal.admin());
    let socket = format!("unix:{}", setup.teal.state_dir().join("admin.sock").display());
    let token = setup.teal.token();
    let file = setup.teal.state_dir().join("admin.token").display().to_string();
    let bare =
        |environment: &[(&str, &str)]| setup.teal.cli_bare(&["switch", "blue"], environment).code;
    assert_eq!(bare(&[("TEAL_ADMIN", &admin), ("TEAL_TOKEN", &token)]), Some(0));
    assert_eq!(bare(&[("TEAL_ADMIN", &admin), ("TEAL_TOKEN_FILE", &file)]), Some(0));
    assert_eq!(bare(&[("TEAL_ADMIN", &socket)]), Some(0));
    let wrong = setup
        .teal
        .cli_bare(&["switch", "green"], &[("TEAL_ADMIN", &admin), ("TEAL_TOKEN", "wrong")]);
    wrong.assert_code(1);
    assert!(wrong.all().contains("token"), "{}", wrong.all());
    setup.finish();
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

#[test]
fn r74_every_error_with_json_is_one_document_on_standard_output() {
    let setup = Setup::new();
    setup.blue.stop();
    setup.teal.wait_healthy("blue", false);
    setup.teal.switch_to("green");
    let admin = format!("http://{}", setup.teal.admin());
    let nobody = "http://127.0.0.1:1";
    let (here, away) = (["--admin", &*admin], ["--admin", nobody]);
    let verbs: [&[&str]; 12] = [
        &["status"],
        &["active"],
        &["idle"],
        &["switch", "blue"],
        &["rollback"],
        &["wait", "drained", "blue"],
        &["history"],
        &["receipt"],
        &["hold"],
        &["resume"],
        &["reload"],
        &["upgrade"],
    ];
    let mut cases: Vec<(Vec<&str>, i32, &str)> = Vec::new();
    for verb in verbs {
        cases.push(([verb, &away].concat(), 4, "unreachable"));
        cases.push(([verb, &here, &["--no-such-flag"]].concat(), 2, "usage"));
    }
    cases.extend([
        (vec!["swich", "green"], 2, "usage"),
        (vec![], 2, "usage"),
        (vec!["switch", "purple"], 2, "usage"),
        (vec!["status", "--admin", "ftp://nowhere"], 2, "usage"),
        (vec!["switch", "blue", "--admin", &*admin, "--token-file", "/does/not/exist"], 2, "usage"),
        (vec!["receipt", "99", "--admin", &*admin], 1, "no_receipt"),
        (vec!["drill", "http://127.0.0.1:1/", "--frequency", "x"], 2, "usage"),
        (vec!["check"], 2, "usage"),
    ]);
    let token = setup.teal.token();
    for (mut arguments, code, word) in cases {
        arguments.push("--json");
        let result = setup.teal.cli_bare(&arguments, &[("TEAL_TOKEN", &token)]);
        let all = result.all();
        let problem = serde_json::from_str::<serde_json::Value>(&result.stdout);
        let problem = problem.unwrap_or_else(|error| panic!("{arguments:?}: {error}: {all}"));
        assert_eq!(
            (result.code, &problem["code"]),
            (Some(code), &word.into()),
            "{arguments:?}: {all}"
        );
        assert_eq!(problem["type"], format!("urn:teal:problem:{word}"));
        assert!(problem["title"].as_str().is_some_and(|title| !title.is_empty()), "{problem}");
    }
    // Without it standard output stays empty.
    let plain = setup.teal.cli_bare(&["status", "--admin", nobody], &[]);
    assert_eq!((plain.code, &*plain.stdout), (Some(4), ""));
    let help = setup.teal.cli_bare(&["switch", "--help"], &[]);
    assert_eq!((help.code, help.stdout.contains("Usage: teal switch")), (Some(0), true));
    setup.finish();
}

/// The completions of bash for the last of these words.
fn offered_by_bash(directory: &std::path::Path, words: &[&str]) -> Vec<String> {
    let list = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
    let (last, before) = (words[words.len() - 1], words[words.len() - 2]);
    let script = format!(
        "source <('{TEAL}' completions bash)\nCOMP_WORDS=({list})\nCOMP_CWORD={}\n\
         _teal teal '{last}' '{before}'\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"",
        words.len() - 1
    );
    let out = std::process::Command::new("bash")
        .args(["--norc", "-c", &script])
        .current_dir(directory)
        .output()
        .expect("bash runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8(out.stdout).expect("text");
    text.lines().filter(|line| !line.is_empty()).map(ToOwned::to_owned).collect()
}

#[test]
fn r74_completions_offer_files_where_a_file_is_meant_and_nowhere_else() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("web.toml"), "").expect("a file");
    let offered = |words: &[&str]| offered_by_bash(directory.path(), words);
    for words in [
        &["teal", "status", "--service", ""][..],
        &["teal", "switch", "green", "--service", ""],
        &["teal", "switch", "green", "--group", ""],
        &["teal", "switch", "green", "--wait-healthy", ""],
        &["teal", "wait", "drained", "blue", "--timeout", ""],
        &["teal", "status", "--admin", ""],
        &["teal", "run", "--listen", ""],
        &["teal", "receipt", ""],
    ] {
        let files = offered(words).iter().filter(|word| word.contains("toml")).count();
        assert_eq!(files, 0, "{words:?}");
    }
    for words in [
        &["teal", "run", "--config", ""][..],
        &["teal", "check", "--config", "we"],
        &["teal", "status", "--token-file", ""],
    ] {
        assert_eq!(offered(words), ["web.toml"], "{words:?}");
    }
    assert_eq!(offered(&["teal", "switch", "g"]), ["green"]);
    // The other shells say it in their own way.
    let script = |shell: &str| {
        testkit::run(TEAL.as_ref(), ["completions", shell], &[], Duration::from_secs(10)).stdout
    };
    let zsh = script("zsh");
    let lines = || zsh.lines().filter(|line| line.contains("'--service="));
    assert!(lines().count() > 5 && lines().all(|line| !line.contains("_files")), "{zsh}");
    let fish = script("fish");
    let lines = || fish.lines().filter(|line| line.contains("-l service "));
    // `-r` alone would offer files, `-f` forbids them.
    assert!(lines().count() > 5 && lines().all(|line| line.contains(" -f")), "{fish}");
}
