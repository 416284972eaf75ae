//! Groups of services: their meaning, and the messages about faulty ones.

use crate::spoiled::{FILE, parse, problems};
use config::immovable;

/// A good file with two services, and lines behind it; the first of those is line 15.
fn with(lines: &str) -> String {
    let api = FILE.replace("web", "api").replace("10.0.0", "10.0.1");
    let api = api.replace("[[listener]]\naddress = \"0.0.0.0:8080\"\n", "hosts = [\"api.x\"]\n");
    let (hosts, service) = api.split_once('\n').expect("lines");
    format!("{FILE}{service}{hosts}\n\n\n\n{lines}")
}

fn said(lines: &str) -> Vec<String> {
    problems(&with(lines))
}

#[test]
fn a_group_has_its_services_in_their_order_and_a_service_may_be_in_several() {
    let text = with(
        "[[group]]\nname = \"shop\"\nservices = [\"web\", \"api\"]\n\
         [[group]]\nname = \"web\"\nservices = [\"web\"]\n",
    );
    let groups = parse(&text).expect("good").groups;
    let shown: Vec<_> = groups
        .iter()
        .map(|group| {
            let services: Vec<_> = group.services.iter().map(ToString::to_string).collect();
            format!("{}: {}", group.name, services.join(" "))
        })
        .collect();
    assert_eq!(shown, ["shop: web api", "web: web"], "a group may be called like a service");
    assert_eq!(parse(FILE).expect("good").groups, []);
}

#[test]
fn a_service_of_a_group_exists_and_is_there_once() {
    for (services, expected) in [
        (
            "\"web\", \"apo\"",
            "17:20: group.services: there is no service named \"apo\"; did you mean \"api\"?",
        ),
        (
            "\"billing\"",
            "17:13: group.services: there is no service named \"billing\"; there are web, api",
        ),
        ("\"web\", \"api\", \"web\"", "17:27: group.services has \"web\" twice; leave one out"),
        ("", "17:12: group.services is empty; write at least one service"),
    ] {
        let lines = format!("[[group]]\nname = \"shop\"\nservices = [{services}]\n");
        assert_eq!(said(&lines), [expected], "{services}");
    }
}

#[test]
fn a_service_with_another_fault_is_not_reported_as_unknown() {
    let text = with("[[group]]\nname = \"shop\"\nservices = [\"web\", \"api\"]\n");
    let said = problems(&text.replace("http://10.0.1.2:82", "ftp://x"));
    assert!(said.len() == 1 && said[0].contains("service.green.targets"), "{said:?}");
}

#[test]
fn a_group_has_a_name_of_its_own_by_the_rules_for_services() {
    let group = |name: &str| format!("[[group]]\nname = {name:?}\nservices = [\"web\"]\n");
    assert_eq!(
        said(&group("Shop")),
        ["16:8: group.name: group name \"Shop\" must be 1 to 63 of a-z, 0-9 and '-', beginning \
          and ending with a letter or digit"]
    );
    assert_eq!(
        said(&format!("{}{}", group("shop"), group("shop"))),
        ["19:8: group.name: there are two groups named \"shop\"; rename one"]
    );
}

#[test]
fn a_group_says_what_it_lacks_and_what_it_should_not_have() {
    assert_eq!(
        said("[[group]]\n"),
        [
            "15:1: group needs \"name\"; write name = \"shop\"",
            "15:1: group needs \"services\"; write services = [\"web\", \"api\"]",
        ]
    );
    assert_eq!(
        said("[[group]]\nname = \"shop\"\nservice = [\"web\"]\n"),
        [
            "15:1: group needs \"services\"; write services = [\"web\", \"api\"]",
            "17:1: unknown key \"service\" in group; did you mean \"services\"?",
        ]
    );
    assert_eq!(
        said("[group]\nname = \"shop\"\n"),
        ["15:1: group is a list of tables; write [[group]] in double brackets"]
    );
}

#[test]
fn a_group_has_no_more_services_than_receipts_are_kept() {
    let mut text = FILE.to_owned();
    let mut names = vec!["\"web\"".to_owned()];
    for index in 0..rules::KEPT {
        let (blue, green) = (format!("http://b:{}", index + 1), format!("http://g:{}", index + 1));
        let service = format!(
            "[[service]]\nname = \"s{index}\"\nhosts = [\"s{index}.x\"]\n\
             blue.targets = [{blue:?}]\ngreen.targets = [{green:?}]\n"
        );
        text.push_str(&service);
        names.push(format!("\"s{index}\""));
    }
    let group = |names: &[String]| {
        format!("{text}[[group]]\nname = \"all\"\nservices = [{}]\n", names.join(", "))
    };
    let said = problems(&group(&names));
    assert!(said.len() == 1 && said[0].contains("more than 100 services"), "{said:?}");
    assert_eq!(problems(&group(&names[1..])), [""; 0]);
}

#[test]
fn adding_or_removing_a_group_needs_no_upgrade() {
    let config = |lines: &str| parse(&with(lines)).expect(lines);
    let shop = "[[group]]\nname = \"shop\"\nservices = [\"web\", \"api\"]\n";
    assert_eq!(immovable(&config(""), &config(shop)), [""; 0]);
    assert_eq!(immovable(&config(shop), &config("")), [""; 0]);
}
