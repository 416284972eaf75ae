//! A recipe: two versions deployed by `teal deploy` under a strict load, and a way back.

use testkit::{Load, LoadOptions, Page, Trust};

use crate::ground::{at, shell};

/// The pace of a load: an application in two small processes is the slower side.
const PACE: LoadOptions =
    LoadOptions { connections: 4, pause: std::time::Duration::from_millis(20) };

/// Deploys v1, then v2 under load, looks at that, and rolls back under load: nothing is lost, and nothing is late.
pub(crate) fn deploy_two_versions(
    service: &str,
    (port, page, trust): (u16, Page, Option<Trust>),
    look_at_v2: impl FnOnce(),
) {
    let deploy = |version: &str| {
        let deployed = shell(&format!("teal deploy {service} --version {version}"));
        let log = || shell(&format!("systemctl status --no-pager '{service}@*' teal")).all();
        assert_eq!(deployed.code, Some(0), "{}{}", deployed.all(), log());
    };
    deploy("v1");
    let load = Load::start_page(at(port), page, trust, PACE);
    load.expect_only("v1");
    load.wait_for_more(20);
    load.expect_anyone();
    deploy("v2");
    load.expect_only("v2");
    load.wait_for_more(20);
    look_at_v2();
    load.expect_anyone();
    shell(&format!("teal rollback --service {service}")).assert_code(0);
    load.expect_only("v1");
    load.wait_for_more(20);
    let report = load.stop();
    report.assert_nothing_lost();
    assert!(report.answered["v1"] > 20 && report.answered["v2"] > 20, "{report:?}");
    let metrics = shell("curl -sf http://127.0.0.1:9900/metrics").stdout;
    assert!(metrics.lines().any(|line| line == "teal_books_difference 0"), "{metrics}");
}
