//! Trust in the picture: a Teal that is replaced, is gone, and comes back; and many services.

use std::fmt::Write as _;

use testkit::{Health, Target};

use crate::{Watched, ended};

#[test]
fn the_last_picture_is_marked_while_teal_is_gone_and_connects_again() {
    let mut watched = Watched::new();
    watched.shows(&["● BLUE: active"]);
    watched.teal.upgrade();
    watched.teal.switch_to("green");
    watched.shows(&["● connected", "● GREEN: active"]);
    watched.teal.kill();
    watched.shows(&[
        "▲ stale for",
        "the last picture: cannot reach Teal at unix:",
        "● GREEN: active",
    ]);
    watched.top.press("s");
    watched.shows(&["✕ failed", "cannot reach Teal"]);
    watched.top.press("\x1b");
    watched.teal.start_again();
    watched.shows(&["● connected", "● GREEN: active"]);
    watched.top.press("q");
    ended(&mut watched.top, 0);
    watched.finish();
}

#[test]
fn many_services_are_a_list_with_problems_first_and_no_color_is_honored() {
    let (one, other) = (Target::start("one"), Target::start("other"));
    one.health(Health::Status(503));
    let (one_url, other_url) = (one.url(), other.url());
    let mut services = String::new();
    for number in 0..30 {
        let name = if number == 29 { "x".repeat(63) } else { format!("shop-{number}") };
        write!(
            services,
            "[[service]]\nname = \"{name}\"\nhosts = [\"{name}.test\"]\n\
             blue = {{ targets = [\"{one_url}\"] }}\ngreen = {{ targets = [\"{other_url}\"] }}\n"
        )
        .expect("a string takes all");
    }
    let mut watched = Watched::with(|settings| settings.extra(&services), &[("NO_COLOR", "1")]);
    let list = watched.shows(&["31 services, 30 with a problem", "✕ the active color"]);
    assert!(!list.contains("web "), "those with a problem come first: {list}");
    watched.top.press("/xxx");
    watched.shows(&["Filter: xxx_  (1 service)", "xxxxx…"]);
    watched.top.press("\r");
    watched.shows(&["✕ BLUE: active, down", "Esc all services"]);
    watched.top.press("\x1b");
    watched.shows(&["Filter: xxx  (1 service)"]);
    watched.top.press("\x1b");
    watched.top.press("\x1b[F\r");
    watched.shows(&["web  generation", "● BLUE: active", "1 of 31 services"]);
    let shown = watched.top.shown();
    for hue in [";31m", ";32m", ";33m", ";94m"] {
        assert!(!shown.contains(hue), "a color in spite of NO_COLOR");
    }
    watched.top.press("\x03");
    ended(&mut watched.top, 0);
}
