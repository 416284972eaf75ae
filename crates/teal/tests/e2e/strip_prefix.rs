//! A service below a prefix whose targets know nothing of it.

use testkit::Settings;

use crate::stage::Stage;

fn stripped(settings: Settings) -> Settings {
    settings.service("path_prefix", "\"/shop\"").service("strip_prefix", "true")
}

#[test]
fn targets_see_paths_without_the_prefix_and_get_it_in_a_field() {
    let stage = Stage::with(stripped);
    let mut client = stage.client();
    for (path, seen) in [
        ("/shop", "/"),
        ("/shop/", "/"),
        ("/shop?x=/shop", "/?x=/shop"),
        ("/shop/a/shop/b?y", "/a/shop/b?y"),
        ("http://test/shop/abs", "/abs"),
    ] {
        client.send(format!(
            "GET {path} HTTP/1.1\r\nHost: test\r\nX-Forwarded-Prefix: /evil\r\n\r\n"
        ));
        assert_eq!(client.answer().status, 200, "{path}");
        let last = stage.blue.seen().requests().last().expect("it came").clone();
        assert_eq!(last.target, seen, "{path}");
        let told = last.fields.all("x-forwarded-prefix");
        assert_eq!(told, ["/shop"], "{path}");
    }
    for path in ["/shopping", "/", "/shop/../admin"] {
        assert!(client.get(path).status >= 400, "{path}");
    }
    stage.finish();
}

#[test]
fn a_reload_begins_and_ends_it() {
    let stage = Stage::with(|settings| settings.service("path_prefix", "\"/shop\""));
    let seen = || {
        assert_eq!(stage.client().get("/shop/x").status, 200);
        stage.blue.seen().requests().last().expect("it came").target.clone()
    };
    assert_eq!(seen(), "/shop/x");
    stage.teal.write_settings(&stripped(stage.settings()));
    let reloaded = stage.teal.cli(&["reload"]);
    assert!(reloaded.code == Some(0) && reloaded.stdout.contains("strip_prefix"), "{reloaded:?}");
    assert_eq!(seen(), "/x");
    let whole = stage.settings().service("path_prefix", "\"/shop\"");
    stage.teal.write_settings(&whole);
    assert_eq!(stage.teal.cli(&["reload"]).code, Some(0));
    assert_eq!(seen(), "/shop/x");
    stage.finish();
}
