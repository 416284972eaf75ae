//! Preview tokens that lead nowhere: changed, of another service, expired, revoked, or void since a switch; and colors
//! that cannot be previewed.

use std::fs;

use testkit::{Client, Settings, Target, Teal, wait_until};

use crate::TEAL;
use crate::previews::{TOKEN, ask, by_cookie, by_field, field, make, shows, token, usual, with};
use crate::setup::{SOON, Setup};
use crate::upgrade::LEFT;

/// Panics unless the token is refused for this reason, in the address and in the field; a tester with the cookie sees
/// what everybody sees, and loses the cookie if it was ours.
#[track_caller]
fn refused(teal: &Teal, token: &str, words: &str, active: &str) {
    let mut client = Client::connect(teal.listener());
    let link = format!("/?teal-preview={token}");
    for answer in [ask(&mut client, &link, ""), ask(&mut client, "/", &by_field(token))] {
        assert_eq!(answer.status, 403, "{}", answer.text());
        assert!(answer.text().contains(words), "{words} is missing in {}", answer.text());
        assert_eq!(field(&answer, "cache-control"), "no-store");
        assert!(field(&answer, "proxy-status").contains("details=preview_refused"));
        assert_eq!(answer.fields.get("set-cookie"), None);
    }
    let answer = ask(&mut client, "/", &by_cookie(token));
    usual(&answer, active);
    let cleared = "teal-preview=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax";
    let expected = if words == NOT_OURS { "" } else { cleared };
    assert_eq!(field(&answer, "set-cookie"), expected);
}

const NOT_OURS: &str = "This preview token is not valid for web: it is for another service";

#[test]
fn a_token_is_void_after_a_switch_and_after_a_rollback() {
    // L2
    let setup = with(TOKEN);
    let first = token(&setup.teal);
    shows(&ask(&mut setup.client(), "/", &by_field(&first)), "green");
    setup.teal.switch_to("green");
    let words = "is void since the switch to green at generation 1: everybody sees green now";
    refused(&setup.teal, &first, words, "green");
    let second = token(&setup.teal);
    shows(&ask(&mut setup.client(), "/", &by_field(&second)), "blue");
    setup.teal.cli(&["rollback"]).assert_code(0);
    refused(&setup.teal, &second, "since the switch to blue at generation 2", "blue");
    refused(&setup.teal, &first, "since web was changed at generation 2", "blue");
    setup.finish();
}

#[test]
fn revoked_tokens_stay_void_and_others_stay_valid_over_restarts_and_upgrades() {
    // L6 L7
    let mut setup = with(TOKEN);
    let revoked = token(&setup.teal);
    let done = setup.teal.cli(&["preview", "web", "--revoke"]);
    done.assert_code(0);
    assert!(done.stdout.starts_with("All preview tokens of web "), "{}", done.stdout);
    let words = "This preview token was revoked";
    refused(&setup.teal, &revoked, words, "blue");
    let valid = token(&setup.teal);
    setup.teal.kill();
    setup.teal.start_again();
    refused(&setup.teal, &revoked, words, "blue");
    shows(&ask(&mut setup.client(), "/", &by_field(&valid)), "green");
    let mut of_older = setup.client();
    shows(&ask(&mut of_older, "/", &by_field(&valid)), "green");
    let (mut held, gate) = setup.held_on_blue();
    setup.teal.upgrade();
    shows(&ask(&mut setup.client(), "/", &by_cookie(&valid)), "green");
    // The older one follows the decisions of the newer one.
    setup.teal.cli(&["preview", "--revoke"]).assert_code(0);
    refused(&setup.teal, &valid, words, "blue");
    let answer = ask(&mut of_older, "/", &by_field(&valid));
    assert_eq!(answer.status, 403, "{}", answer.text());
    gate.open();
    assert_eq!(held.answer().status, 200);
    setup.teal.wait_alone(LEFT);
    setup.finish();
}

#[test]
fn a_token_that_was_changed_or_is_for_another_service_is_refused() {
    let api = Target::start("api");
    let further = format!(
        "[[service]]\nname = \"api\"\nhosts = [\"api.test\"]\nblue.targets = [\"{}\"]\n\
         green.targets = [\"http://127.0.0.1:1\"]\npreview = {{}}\n",
        api.url()
    );
    let setup = Setup::with(|settings| settings.service("preview", TOKEN).extra(&further));
    let of = |service: &str| {
        let preview = make(&setup.teal, &format!("?service={service}"));
        preview["token"].as_str().expect("a token").to_owned()
    };
    refused(&setup.teal, &of("api"), NOT_OURS, "blue");
    let token = of("web");
    let mut client = setup.client();
    for at in 0..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[at] ^= 1;
        let changed = String::from_utf8(changed).expect("still ASCII");
        let answer = ask(&mut client, "/", &by_field(&changed));
        assert_eq!(answer.status, 403, "{changed}");
    }
    for odd in ["", "v1", "v1.1.green.1.1.1", &token[1..], &format!("{token}0"), &"x".repeat(4000)]
    {
        assert_eq!(ask(&mut client, "/", &by_field(odd)).status, 403, "{odd}");
    }
    client.send(format!(
        "POST /?teal-preview={token} HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\nhi"
    ));
    let answer = client.answer();
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("is for GET and HEAD"), "{}", answer.text());
    assert_eq!(setup.green.seen().count() + api.seen().count(), 0);
    setup.finish();
}

#[test]
fn a_token_expires() {
    let setup = with(TOKEN);
    let preview = make(&setup.teal, "?for=1s");
    let token = preview["token"].as_str().expect("a token");
    let is_over = || ask(&mut setup.client(), "/", &by_field(token)).status == 403;
    wait_until(SOON, "it has expired", is_over);
    refused(&setup.teal, token, "This preview token has expired", "blue");
    setup.finish();
}

#[test]
fn a_color_that_is_down_or_retired_is_named_and_never_replaced_by_the_active_one() {
    // L4
    let setup = with(TOKEN);
    let link = token(&setup.teal);
    setup.green.stop();
    let answer = ask(&mut setup.client(), "/", &by_field(&link));
    assert_eq!((answer.status, field(&answer, "teal-color")), (502, "green"));
    assert_eq!(answer.text(), "Backend unavailable: this is a preview of green\n");
    assert_eq!(answer.fields.all("cache-control"), ["no-store"]);
    setup.green.restart();
    setup.teal.cli(&["retire", "green"]).assert_code(0);
    let answer = ask(&mut setup.client(), "/", &by_field(&link));
    assert_eq!((answer.status, field(&answer, "teal-color")), (503, "green"));
    assert!(answer.text().contains("green of web is retired"), "{}", answer.text());
    let refused = setup.teal.cli(&["preview"]);
    refused.assert_code(3);
    assert!(refused.stderr.contains("green of web is retired"), "{}", refused.stderr);
    assert_eq!(setup.blue.seen().count(), 0, "not tried again elsewhere");
    let metrics = setup.teal.metrics();
    let failed = [("color", "green"), ("class", "5xx")];
    assert_eq!(metrics.count("teal_preview_requests_total", &failed), 2);
    setup.finish();
}

#[test]
fn without_previews_everything_about_them_is_the_applications_own() {
    let setup = Setup::new();
    let refused = setup.teal.cli(&["preview", "web"]);
    refused.assert_code(3);
    assert!(refused.stderr.contains("add preview = { token = true }"), "{}", refused.stderr);
    assert_eq!(setup.teal.cli(&["preview", "--revoke"]).code, Some(3));
    let fields = "Cookie: teal-preview=1\r\nTeal-Preview: 2\r\n";
    usual(&ask(&mut setup.client(), "/?teal-preview=3", fields), "blue");
    let seen = setup.blue.seen().requests();
    assert_eq!(seen[0].target, "/?teal-preview=3");
    assert_eq!(seen[0].fields.get("cookie"), Some("teal-preview=1"));
    assert_eq!(seen[0].fields.get("teal-preview"), Some("2"));
    assert!(!setup.teal.state_dir().join("preview.key").exists(), "no key without a need");

    // A reload turns them on, and a listener takes an upgrade.
    let on = |value: &str| setup.settings().service("preview", value);
    setup.teal.write_settings(&on("{ listen = \"127.0.0.1:0\" }"));
    let refused = setup.teal.cli(&["reload"]);
    assert!(
        refused.all().contains("preview.listen cannot be changed by a reload"),
        "{}",
        refused.all()
    );
    setup.teal.write_settings(&on(TOKEN));
    setup.teal.cli(&["reload"]).assert_code(0);
    shows(&ask(&mut setup.client(), "/", &by_field(&token(&setup.teal))), "green");
    setup.finish();
}

#[test]
fn tokens_are_made_for_deployers_alone_and_never_logged() {
    let directory = tempfile::tempdir().expect("a directory");
    let log = directory.path().join("access.log");
    let file = format!("{:?}", log.display().to_string());
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let settings = Settings::new(&blue, &green)
        .service("preview", TOKEN)
        .top("access_log", &format!("{{ path = {file} }}"));
    let teal = Teal::start_healthy(TEAL, &settings);
    let token = token(&teal);
    let mut client = Client::connect(teal.listener());
    assert_eq!(ask(&mut client, &format!("/?teal-preview={token}"), "").status, 303);
    shows(&ask(&mut client, "/", &by_cookie(&token)), "green");
    let (status, problem) = teal.ask_json("POST", "/admin/previews?for=169h");
    assert_eq!(status, 400, "{problem}");
    let mut anonymous = Client::connect(teal.admin());
    anonymous.send(format!(
        "POST /admin/previews HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\n\r\n",
        teal.admin()
    ));
    assert_eq!(anonymous.answer().status, 401);
    let written = || fs::read_to_string(&log).unwrap_or_default();
    wait_until(SOON, "both are logged", || written().lines().count() == 2);
    assert!(written().contains("/?teal-preview=hidden"), "{}", written());
    for text in [written(), teal.log()] {
        assert!(!text.contains(&token) && !text.contains(&token[token.len() - 64..]), "{text}");
    }
    teal.assert_books_balance();
}
