//! Operators of the shipped unit: root, a member of the group, a stranger; what they see and may do.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Command;

use testkit::{Client, Pki, wait_until};

use super::boot::{run, systemctl};
use super::shipped::{ANN, EVE, log, with_shipped_unit};
use crate::setup::SOON;

#[test]
fn r64_members_of_the_group_are_operators_and_a_stranger_gets_the_reason() {
    with_shipped_unit(
        concat!(
            module_path!(),
            "::r64_members_of_the_group_are_operators_and_a_stranger_gets_the_reason"
        ),
        |teal| {
            // The missing group is reported, and everything else goes on.
            teal.configure("socket_group = \"deploy\"", "");
            teal.restart();
            let socket = || fs::metadata("/run/teal/admin.sock").expect("the admin socket");
            assert_eq!(socket().mode() & 0o777, 0o600);
            assert!(log().contains("SupplementaryGroups=deploy in the unit"), "{}", log());
            let closed = teal.teal(Some(ANN), &["switch", "green"]);
            assert_eq!(closed.code, Some(1), "{}", closed.all());

            teal.change("group", "[Service]\nSupplementaryGroups=deploy\n");
            teal.restart();
            assert_eq!(socket().mode() & 0o777, 0o660);
            for user in [None, Some(ANN), Some(EVE)] {
                let status = teal.teal(user, &["status"]);
                status.assert_code(0);
                assert!(status.stdout.starts_with("Active: "), "{user:?}: {}", status.all());
            }
            teal.teal(Some(ANN), &["switch", "green"]).assert_code(0);
            teal.teal(Some(ANN), &["reload"]).assert_code(0);
            teal.teal(None, &["rollback"]).assert_code(0);
            let stranger = teal.teal(Some(EVE), &["switch", "green"]);
            assert_eq!(stranger.code, Some(1), "{}", stranger.all());
            for words in ["closed to uid", "members of the group deploy", "A token is required"] {
                assert!(stranger.all().contains(words), "{words}: {}", stranger.all());
            }
            let history = teal.teal(Some(EVE), &["history"]).stdout;
            let ann = run("id", &["-u", ANN]);
            assert!(history.contains(&format!("uid {ann}")), "{history}");

            // A directory that the group cannot enter is named, too.
            teal.change("directory", "[Service]\nRuntimeDirectoryMode=0700\n");
            teal.restart();
            assert!(log().contains("the directory /run/teal has mode 0700"), "{}", log());
        },
    );
}

#[test]
fn r65_a_refused_reload_fails_the_command_and_stays_in_status() {
    with_shipped_unit(
        concat!(module_path!(), "::r65_a_refused_reload_fails_the_command_and_stays_in_status"),
        |teal| {
            teal.restart();
            let main = teal.show("MainPID");
            systemctl(&["reload", "teal"]);
            teal.configure("sockets_group = \"deploy\"", "");
            assert!(!teal.tries(&["reload", "teal"]), "a refused reload ends with 0");
            assert_eq!(
                (teal.show("ActiveState"), teal.show("MainPID")),
                ("active".to_owned(), main)
            );
            assert!(log().contains("did you mean"), "systemd's log has the reason: {}", log());
            let status = teal.teal(Some(EVE), &["status"]).stdout;
            let told = status.lines().find(|line| line.starts_with("Reload: refused"));
            assert!(told.is_some_and(|line| line.contains("sockets_group")), "{status}");
            teal.configure("", "");
            systemctl(&["reload", "teal"]);
            assert!(!teal.teal(None, &["status"]).stdout.contains("Reload: "));
        },
    );
}

#[test]
fn r64_a_group_that_does_not_exist_is_refused_with_a_remedy() {
    with_shipped_unit(
        concat!(module_path!(), "::r64_a_group_that_does_not_exist_is_refused_with_a_remedy"),
        |teal| {
            teal.configure("socket_group = \"nobodys\"", "");
            let checked = teal.teal(None, &["check", "--config", "/etc/teal/teal.toml"]);
            checked.assert_code(2);
            assert!(checked.all().contains("groupadd --system nobodys"), "{}", checked.all());
            assert!(!teal.tries(&["start", "teal"]));
            assert!(log().contains("groupadd --system nobodys"), "{}", log());
            assert_eq!(teal.show("ExecMainStatus"), "2");
        },
    );
}

#[test]
fn r73_a_key_that_only_root_may_read_is_reported_by_check_and_used_as_a_credential() {
    with_shipped_unit(
        concat!(
            module_path!(),
            "::r73_a_key_that_only_root_may_read_is_reported_by_check_and_used_as_a_credential"
        ),
        |teal| {
            fs::create_dir_all("/etc/ssl/private").expect("a directory");
            let pki = Pki::new("/etc/teal".as_ref());
            let pair = pki.issue("web", &["web.test"]);
            let key = "/etc/ssl/private/web.key";
            fs::copy(&pair.key, key).expect("a copy");
            fs::set_permissions(&pair.cert, fs::Permissions::from_mode(0o644)).expect("changed");
            fs::set_permissions(key, fs::Permissions::from_mode(0o600)).expect("changed");
            let with_key = |key: &str| {
                format!("tls = true\n[[certificate]]\ncert = {:?}\nkey = {key:?}\n", pair.cert)
            };
            teal.configure("", &with_key(key));
            let check = || teal.teal(None, &["check", "--config", "/etc/teal/teal.toml"]);
            // Teal's user is known before its first start.
            let checked = check();
            checked.assert_code(0);
            for words in ["web.key", "cannot be read by teal", "LoadCredential=", "checked as root"]
            {
                assert!(checked.all().contains(words), "{words}: {}", checked.all());
            }
            assert!(!teal.tries(&["start", "teal"]));
            assert!(log().contains("web.key"), "{}", log());

            teal.change("key", &format!("[Service]\nLoadCredential=web.key:{key}\n"));
            teal.configure("", &with_key("credential:web.key"));
            check().assert_code(0);
            teal.restart();
            let trust = pki.trust(Some("web.test"));
            let serves = || {
                let connected = Client::try_connect_tls(([127, 0, 0, 1], 8080).into(), &trust);
                connected.is_ok_and(|mut client| {
                    client.send("GET / HTTP/1.1\r\nHost: web.test\r\n\r\n");
                    client.answer().status == 200
                })
            };
            assert!(serves(), "{}", log());
            systemctl(&["reload", "teal"]);
            check().assert_code(0);
            // It is known to an upgrade, too: the parent has it from its start.
            teal.teal(None, &["upgrade"]).assert_code(0);
            wait_until(SOON, "the newer one serves", serves);
        },
    );
}

#[test]
fn the_exposure_of_the_shipped_unit_is_at_most_2() {
    let unit = concat!(env!("CARGO_MANIFEST_DIR"), "/../../packaging/teal.service");
    let words = ["security", "--offline=yes", "--threshold=20", "--no-pager", unit];
    let Ok(ran) = Command::new("systemd-analyze").args(words).output() else { return };
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
}
