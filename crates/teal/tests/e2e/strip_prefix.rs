//! A service below a prefix whose targets know nothing of it.

use testkit::Settings;

use crate::setup::Setup;

fn stripped(settings: Settings) -> Settings {
    settings.service("path_prefix", "\"/shop\"").service("strip_prefix", "true")
}

#[test]
fn targets_see_paths_without_the_prefix_and_get_it_in_a_field() {
    let setup = Setup::with(stripped);
    let mut client = setup.client();
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
        let last = setup.blue.seen().requests().last().expect("it came").clone();
        assert_eq!(last.target, seen, "{path}");
        let told = last.fields.all("x-forwarded-prefix");
        assert_eq!(told, ["/shop"], "{path}");
    }
    for path in ["/shopping", "/", "/shop/../admin"] {
        assert!(client.get(path).status >= 400, "{path}");
    }
    setup.finish();
}

#[test]
fn a_reload_begins_and_ends_it() {
    let setup = Setup::with(|settings| settings.service("path_prefix", "\"/shop\""));
    let seen = || {
        assert_eq!(setup.client().get("/shop/x").status, 200);
        setup.blue.seen().requests().last().expect("it came").target.clone()
    };
    assert_eq!(seen(), "/shop/x");
    setup.teal.write_settings(&stripped(setup.settings()));
    let reloaded = setup.teal.cli(&["reload"]);
    assert!(reloaded.code == Some(0) && reloaded.stdout.contains("strip_prefix"), "{reloaded:?}");
    assert_eq!(seen(), "/x");
    let whole = setup.settings().service("path_prefix", "\"/shop\"");
    setup.teal.write_settings(&whole);
    assert_eq!(setup.teal.cli(&["reload"]).code, Some(0));
    assert_eq!(seen(), "/shop/x");
    setup.finish();
}
