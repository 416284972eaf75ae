//! `docs/guide/start.md`, as it is written, and the commands of the other new pages, where Teal runs as a service.

use std::fs;

use crate::ground::{self, shell};

/// The text of the blocks of a kind in a page.
fn blocks(page: &str, kind: &str) -> Vec<String> {
    let text = fs::read_to_string(crate::file(page)).expect(page);
    let fence = format!("```{kind}\n");
    let blocks = text.split(&fence).skip(1);
    blocks.filter_map(|rest| rest.split("\n```").next().map(str::to_owned)).collect()
}

/// What is typed in a block of a console, and what is shown.
fn typed(block: &str) -> (String, Vec<&str>) {
    let typed = block.lines().filter_map(|line| line.strip_prefix("$ "));
    let shown = block.lines().filter(|line| !line.starts_with("$ "));
    (typed.flat_map(|line| [line, "\n"]).collect(), shown.collect())
}

#[test]
fn the_first_switch_of_the_guide_happens_when_its_blocks_are_pasted() {
    let test = "start::the_first_switch_of_the_guide_happens_when_its_blocks_are_pasted";
    if !ground::is_ready(test, &["/usr/bin/curl"]) {
        return;
    }
    let page = "docs/guide/start.md";
    let consoles = blocks(page, "console");
    let [install, servers, configure, switch] = &consoles[..] else {
        unreachable!("four blocks: {consoles:?}")
    };
    assert_eq!(install, "$ apt install ./teal_*.deb"); // the tests of the package do this
    ground::start_teal("examples/teal.toml");
    fs::write("/etc/teal/teal.toml", &blocks(page, "toml")[0]).expect("a file");
    fs::create_dir_all("/run/reader").expect("a directory");
    let (servers, configure, (switch, shown)) =
        (typed(servers).0, typed(configure).0, typed(switch));
    let up = "until curl -sfo /dev/null http://127.0.0.1:8081/health \\\n\
              && curl -sfo /dev/null http://127.0.0.1:8082/health; do sleep 0.1; done\n";
    let further = ["docs/guide/trouble.md", "docs/guide/recipes/rollback.md"]
        .map(|page| blocks(page, "console"));
    let further: String = further.iter().flatten().map(|block| typed(block).0).collect();
    let script = format!(
        "cd /run/reader; set -m\n{servers}{up}set -e\n{configure}{switch}{further}kill $(jobs -p)\n"
    );
    let ran = shell(&script);
    assert_eq!(ran.code, Some(0), "{}", ran.all());
    for line in shown {
        assert!(
            ran.stdout.lines().any(|said| said == line),
            "{line:?} is missing in {}",
            ran.all()
        );
    }
}
