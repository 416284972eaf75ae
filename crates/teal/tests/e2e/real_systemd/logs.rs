//! Logs of the shipped unit: the access log in its directory, rotated as the shipped file says.

use std::fs;
use std::os::unix::fs::MetadataExt;

use testkit::wait_until;

use super::boot::run;
use super::shipped::with_shipped_unit;
use crate::setup::SOON;

const LOGROTATE: &str = include_str!("../../../../../packaging/logrotate");

#[test]
fn the_access_log_is_rotated_as_the_shipped_file_says() {
    with_shipped_unit(
        concat!(module_path!(), "::the_access_log_is_rotated_as_the_shipped_file_says"),
        |teal| {
            let path = "/var/log/teal/access.log";
            teal.configure("", &format!("[access_log]\npath = {path:?}\nformat = \"json\"\n"));
            teal.restart();
            let lines = |path: &str| fs::read_to_string(path).unwrap_or_default().lines().count();
            assert_eq!(teal.client().get("/one").status, 200);
            wait_until(SOON, "a line is written", || lines(path) == 1);
            let log = fs::metadata(path).expect("the log");
            assert_eq!(
                (log.mode() & 0o777, run("id", &["-u", "teal"])),
                (0o640, log.uid().to_string())
            );
            assert!(LOGROTATE.contains("/var/log/teal/*.log {"));

            let rotated = "/var/log/teal/access.log.1";
            fs::rename(path, rotated).expect("renamed");
            let (_, script) = LOGROTATE.split_once("postrotate\n").expect("a script");
            let (script, _) = script.split_once("endscript").expect("its end");
            run("sh", &["-c", script]);
            wait_until(SOON, "another file is begun", || fs::metadata(path).is_ok());
            assert_eq!(teal.client().get("/two").status, 200);
            wait_until(SOON, "a line is written", || lines(path) == 1);
            assert_eq!(lines(rotated), 1);
        },
    );
}
