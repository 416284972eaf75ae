//! The five minutes of a newcomer: the commands of the guide, as they stand there, from the installation of the package
//! to the first switch.

use std::path::Path;
use std::time::{Duration, Instant};

use testkit::systemd::is_inside;

use crate::machine::on_a_machine;
use crate::made;

const GUIDE: &str = include_str!("../../../../docs/guide/operate.md");

/// The time that the guide promises, most of it for typing and reading.
const PROMISED: Duration = Duration::from_secs(5 * 60);

/// The commands below the heading, each as it is typed.
fn commands() -> Vec<String> {
    let (_, section) =
        GUIDE.split_once("\n## Install the package\n").expect("the section is there");
    let (_, block) = section.split_once("\n```sh\n").expect("it has a block");
    let (block, _) = block.split_once("\n```\n").expect("the block ends");
    block.lines().map(str::to_owned).collect()
}

#[test]
fn the_guide_leads_from_the_package_to_the_first_switch_in_ten_commands() {
    let test = "::the_guide_leads_from_the_package_to_the_first_switch_in_ten_commands";
    if !is_inside() {
        assert!(commands().len() <= 10, "{:?}", commands());
    }
    on_a_machine(&format!("{}{test}", module_path!()), |machine| {
        // The guide starts an application of its own.
        machine.blue.stop();
        machine.green.stop();
        let begun = Instant::now();
        let script = commands().join("\n");
        assert!(script.contains("./teal_"), "the package is named: {script}");
        let deb = made::deb("newer");
        let named = script.split_whitespace().find(|word| word.starts_with("./teal_"));
        let script = script.replace(named.expect("it is named"), &deb);
        // A person types more slowly than a script: by then the application would be up.
        let ask = "curl http://127.0.0.1:8080/";
        let wait = format!("until {ask} -sf >/dev/null; do sleep 0.1; done");
        let script = script.replacen(ask, &format!("{wait}\n{ask}"), 1);
        let end = "trap 'kill $(jobs -p)' EXIT";
        let script = format!("set -e\n{end}\ncd \"$(mktemp -d)\"\n{script}\n");
        let within = Duration::from_secs(100);
        let words = ["-c", &script];
        let ran = testkit::run(Path::new("bash"), words, &[], within);
        ran.assert_code(0);
        for words in ["hello from blue", "Switched from blue to green", "hello from green"] {
            assert!(ran.stdout.contains(words), "{words:?} in {}", ran.all());
        }
        assert!(begun.elapsed() < PROMISED);
    });
}
