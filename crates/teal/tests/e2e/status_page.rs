//! The status page as a person sees it: in a real browser, whose script has run.

use std::time::Duration;

use testkit::{CliResult, wait_for};

use crate::setup::Setup;

/// No window, no profile, and no calls home.
const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--timeout=3000",
];

const CARD: &str = "<section class=\"color ";

/// The page some time after a browser has loaded it, as HTML.
fn browse(setup: &Setup) -> CliResult {
    let profile = tempfile::tempdir().expect("a temporary directory");
    let profile = format!("--user-data-dir={}", profile.path().display());
    let page = format!("http://{}/plain", setup.teal.admin());
    let arguments = FLAGS.iter().copied().chain([&*profile, "--dump-dom", &*page]);
    testkit::run("chromium".as_ref(), arguments, &[], Duration::from_secs(20))
}

#[test]
fn a_browser_shows_the_active_color_and_how_both_are() {
    let setup = Setup::new();
    setup.teal.switch_to("green");
    setup.blue.stop();
    setup.teal.wait_healthy("blue", false);
    // On a busy machine the browser may look before the page has its first answer.
    let dom = wait_for(Duration::from_secs(120), "the browser shows both colors", || {
        let dom = browse(&setup);
        (dom.code == Some(0) && dom.stdout.matches(CARD).count() == 2).then_some(dom)
    });
    let cards = dom.stdout.split(CARD).skip(1).collect::<Vec<_>>();
    let [blue, green] = cards[..] else { panic!("two cards are due: {}", dom.all()) };
    for words in ["blue: not healthy: ", "drained: safe to stop", " down, probed "] {
        assert!(blue.contains(words), "{words:?} is missing in {blue}");
    }
    for words in ["<h3>green: healthy</h3>", "active, 0 in flight", " up, probed "] {
        assert!(green.contains(words), "{words:?} is missing in {green}");
    }
    assert!(dom.stdout.contains("web: green is active, generation 1"), "{}", dom.stdout);
    // Its policy lets its own script run: without it there would be plain text alone.
    assert!(dom.stdout.contains("Version "), "{}", dom.stdout);
    setup.finish();
}
