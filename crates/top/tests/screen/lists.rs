//! The list of many services.

use serde_json::{Value, json};
use top::{Intent, Key};

use crate::documents::{reading, series, service, status, target};
use crate::{NOW, assert_has, colored, lines, lines_at, types};

/// Five hundred services, of which number 321 is down.
fn many() -> Vec<Value> {
    let mut services: Vec<_> = (0..500).map(|number| service(&format!("shop-{number}"))).collect();
    let bad = &mut services[321]["colors"]["blue"];
    bad["healthy"] = false.into();
    bad["reason"] = "http://127.0.0.1:8081: connection refused".into();
    bad["targets"] = json!([target("http://127.0.0.1:8081", Some("connection refused"))]);
    services
}

#[test]
fn many_services_are_a_list_with_problems_first() {
    let mut top = colored();
    top.read(NOW, reading(&many()));
    assert_eq!((top.wanted(), top.wants_history()), (None, false));
    let shown = lines(&top);
    assert_has(&shown, &["500 services, 1 with a problem", "Enter open"]);
    let rows = [&shown[4], &shown[5]].map(|row| row.split_whitespace().collect::<Vec<_>>());
    // The state of each fits, and that of the chosen one is there in full.
    assert_eq!(rows[0][..6], ["shop-321", "✕", "○", "12", "–", "–"]);
    assert_eq!(rows[0][6..].join(" "), "✕ the active color blue is down");
    assert_eq!(rows[1].join(" "), "shop-0 ● ○ 12 – – blue serves");
    assert!(
        shown[2]
            .starts_with("▸ shop-321: ✕ the active color blue is down: http://127.0.0.1:8081: "),
        "{}",
        shown[2]
    );
    let wide = lines_at(&top, 120, 24, NOW);
    assert_has(&wide, &["● active", "○ idle"]);
    assert_eq!(
        lines_at(&top, 200, 50, NOW).iter().filter(|line| line.starts_with("shop-")).count(),
        45
    );
}

#[test]
fn the_list_has_the_rates_of_the_newest_second() {
    let mut top = colored();
    let (mut both, names) = (series("web"), ["web", "api"]);
    let mut failing = both["services"][0].clone();
    failing["service"] = "api".into();
    failing["green"]["server_errors"][29] = 7.into();
    failing["green"]["failed"][29] = 2.into();
    both["services"].as_array_mut().expect("services").push(failing);
    let series = Some(serde_json::from_value(both).expect("series"));
    top.read(NOW, top::Reading { series, ..reading(&names.map(service)) });
    let rates = |row: &str| row.split_whitespace().skip(4).take(2).collect::<Vec<_>>().join(" ");
    let shown = lines(&top);
    assert_has(&shown, &["REQ/S", "ERR/S"]);
    assert_eq!([rates(&shown[4]), rates(&shown[5])], ["1,160 0", "1,160 9"], "{shown:?}");
    // An answer without them says nothing about what they are now.
    top.read(NOW, reading(&names.map(service)));
    assert_eq!(rates(&lines(&top)[4]), "– –");
}

#[test]
fn arrows_choose_and_enter_opens() {
    let mut top = colored();
    top.read(NOW, reading(&many()));
    assert_eq!(types(&mut top, &[Key::Down, Key::Down, Key::Enter]), Some(Intent::Look));
    assert_eq!(top.wanted(), Some("shop-1"));
    // What is known is shown at once, before the next answer.
    assert_has(&lines(&top), &["shop-1  generation 7, 1 of 500 services", "Esc all services"]);
    top.read(NOW, top::Reading { status: status(&[service("shop-1")], 500), series: None });
    assert_eq!(types(&mut top, &[Key::Escape]), Some(Intent::Look));
    assert_eq!(top.wanted(), None);
    // An answer to the question before says nothing about the others.
    top.read(NOW, top::Reading { status: status(&[service("shop-1")], 500), series: None });
    assert_has(&lines(&top), &["500 services, 1 with a problem"]);
    assert_eq!(types(&mut top, &[Key::End, Key::Enter]), Some(Intent::Look));
    assert_eq!(top.wanted(), Some("shop-499"));
}

#[test]
fn the_list_scrolls_to_the_chosen_service() {
    let mut top = colored();
    top.read(NOW, reading(&many()));
    for keys in [
        vec![Key::End],
        vec![Key::PageUp; 3],
        vec![Key::Home],
        vec![Key::Down; 30],
        vec![Key::Up; 5],
    ] {
        types(&mut top, &keys);
        let mut probe = colored();
        probe.read(NOW, reading(&many()));
        let shown = lines(&top);
        top.key(Key::Enter, 24);
        let chosen = top.wanted().expect("opened").to_owned();
        assert_has(&shown, &[&format!("{chosen} ")]);
        top.key(Key::Escape, 24);
    }
}

#[test]
fn a_part_of_a_name_filters() {
    let mut top = colored();
    top.read(NOW, reading(&many()));
    let keys = "/P-42".chars().map(Key::Char).collect::<Vec<_>>();
    assert_eq!(types(&mut top, &keys), None);
    let shown = lines(&top);
    assert_has(&shown, &["Filter: p-42_  (11 services)", "shop-42 ", "shop-429 "]);
    assert!(!shown.iter().any(|line| line.starts_with("shop-41")));
    // Keys of actions are letters here.
    assert_eq!(types(&mut top, &[Key::Char('q'), Key::Char('s')]), None);
    assert_has(&lines(&top), &["Filter: p-42qs_  (0 services)"]);
    assert_eq!(types(&mut top, &[Key::Enter]), None);
    types(&mut top, &[Key::Char('/'), Key::Backspace, Key::Backspace, Key::Backspace, Key::Down]);
    assert_eq!(types(&mut top, &[Key::Escape]), None);
    assert!(!lines(&top)[2].contains("Filter"), "{}", lines(&top)[2]);
    assert_eq!(types(&mut top, &[Key::Char('q')]), Some(Intent::Leave));
}

#[test]
fn no_service_and_one_that_is_gone_are_no_trouble() {
    let mut top = colored();
    top.read(NOW, reading(&[]));
    assert_has(&lines(&top), &["No problem in 0 services"]);
    assert_eq!(types(&mut top, &[Key::Down, Key::Enter]), None);

    let mut top = colored();
    top.read(NOW, reading(&[service("web"), service("api")]));
    types(&mut top, &[Key::Enter]);
    top.lost("There is no service `web`");
    assert_has(&lines(&top), &["There is no service `web`", "Esc all services"]);
    types(&mut top, &[Key::Escape]);
    top.read(NOW, reading(&[service("api")]));
    assert_eq!(top.wanted(), Some("api"), "the only one is opened");
}

#[test]
fn plain_text_lists_services_as_far_as_a_page_goes() {
    let mut top = colored();
    top.read(NOW, reading(&many()));
    let text = top.text();
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with("shop-")).count(), 100);
    assert!(text.ends_with("… and 400 services more; see: teal status --all\n"), "{text}");
}
