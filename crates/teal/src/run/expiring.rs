//! Certificates that end soon: whose renewal has failed, because a working renewal comes long before.
//!
//! Guaranteed: each certificate is told once when 14 days are left, once when 3 are, and once when it has ended, also over
//! restarts: a notice has the same key each time, and the outbox knows the keys that it has told.

use std::time::Duration;

use ::admin::Certificate;
use control::{ServiceStatus, Status};
use notify::Notice;
use rules::{Color, NotifiedEvent, Time};
use serde_json::{Value, json};

use super::notifications::of_process;
use super::tls::SOON;

/// The time between two looks at all certificates.
pub(super) const EVERY: Duration = Duration::from_secs(3600);

const DAY: Duration = Duration::from_secs(24 * 3600);

/// The second notice of a certificate that nobody has renewed.
const LAST_CALL: Duration = Duration::from_secs(3 * 24 * 3600);

/// Returns the notices of certificates at listeners.
pub(super) fn at_listeners(certificates: &[Certificate], now: Time) -> Vec<Notice> {
    let of = |certificate: &Certificate| {
        let file = certificate.file.display().to_string();
        let what = format!("the certificate {file} for {}", certificate.names.join(" "));
        let of = json!({ "file": file, "names": certificate.names });
        notice(&file, &what, of, certificate.not_after, now)
    };
    certificates.iter().filter_map(of).collect()
}

/// Returns the notices of certificates that targets have presented.
pub(super) fn at_targets(status: &Status, now: Time) -> Vec<Notice> {
    status.services.iter().flat_map(|service| at_targets_of(service, now)).collect()
}

fn at_targets_of(service: &ServiceStatus, now: Time) -> Vec<Notice> {
    let mut notices = Vec::new();
    for (color, status) in Color::BOTH.iter().zip(&service.colors) {
        for target in &status.targets {
            let Some(certificate) = &target.certificate else { continue };
            let (name, url) = (&service.name, &target.url);
            let address = target.address.map(|address| address.to_string());
            let at = address.as_ref().map_or_else(String::new, |address| format!(" at {address}"));
            let what = format!("the certificate of the target {url}{at} ({name} {color})");
            let key = format!("{name} {color} {url}{at}");
            let of = json!({
                "service": name.as_str(), "color": color.as_str(), "target": url.to_string(), "address": address,
                "names": certificate.names,
            });
            notices.extend(notice(&key, &what, of, Time::of(certificate.not_after), now));
        }
    }
    notices
}

/// Returns the notice of a certificate; `None` while it is valid for a long time.
fn notice(key: &str, what: &str, mut of: Value, not_after: Time, now: Time) -> Option<Notice> {
    let left = Duration::from_millis(not_after.0.saturating_sub(now.0));
    let (stage, text) = if left.is_zero() {
        ("ended", format!("{what} has ended: clients do not accept it any more; renew it"))
    } else if left <= LAST_CALL {
        ("3 days", format!("{what} ends in {}: renew it now", days(left)))
    } else if left <= SOON {
        ("14 days", format!("{what} ends in {}: it should have been renewed", days(left)))
    } else {
        return None;
    };
    of["not_after"] = json!(contract::unit::rfc3339(not_after));
    let notice = of_process(NotifiedEvent::Certificate, text, of);
    Some(Notice { key: Some(format!("certificate {key} {} {stage}", not_after.0)), ..notice })
}

/// Formats a time in whole days, or in hours on the last one.
fn days(left: Duration) -> String {
    match (left.as_secs() / DAY.as_secs(), left.as_secs() / 3600) {
        (0, 0) => "less than an hour".to_owned(),
        (0, 1) => "1 hour".to_owned(),
        (0, hours) => format!("{hours} hours"),
        (1, _) => "1 day".to_owned(),
        (days, _) => format!("{days} days"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(not_after: Time) -> Certificate {
        let (file, names) = ("/etc/teal/a.pem".into(), vec!["a.test".to_owned()]);
        Certificate { file, names, not_after }
    }

    /// The notices of a certificate with this time left.
    fn told(left: Duration) -> Vec<Notice> {
        let ends = Time(1_800_000_000_000);
        at_listeners(&[certificate(ends)], ends.minus(left))
    }

    #[test]
    fn a_certificate_is_told_at_14_days_at_3_days_and_at_its_end() {
        let key_and_text = |left| {
            let [Notice { key, text, .. }] = <[Notice; 1]>::try_from(told(left)).expect("one");
            (key.expect("a key"), text)
        };
        let second = Duration::from_secs(1);
        assert_eq!(told(SOON + second), []);
        let (early, text) = key_and_text(SOON);
        assert!(
            text.ends_with("for a.test ends in 14 days: it should have been renewed"),
            "{text}"
        );
        let (later, _) = key_and_text(LAST_CALL + second);
        assert_eq!(early, later, "once in these eleven days");
        let (call, text) = key_and_text(LAST_CALL);
        assert!(call != later && text.ends_with("ends in 3 days: renew it now"), "{text}");
        let (end, text) = key_and_text(Duration::ZERO);
        assert!(end != call && text.contains("has ended"), "{text}");
        assert_eq!(told(Duration::ZERO)[0].data["file"], "/etc/teal/a.pem");
    }

    #[test]
    fn a_renewed_certificate_has_keys_of_its_own() {
        let (old, new) = (Time(1_800_000_000_000), Time(1_900_000_000_000));
        let key = |ends: Time| at_listeners(&[certificate(ends)], ends).remove(0).key;
        assert_ne!(key(old), key(new));
    }

    #[test]
    fn the_time_left_is_never_rounded_up() {
        let hours = |hours: u64| days(Duration::from_secs(hours * 3600 + 3599));
        assert_eq!(hours(0), "less than an hour");
        assert_eq!(hours(1), "1 hour");
        assert_eq!(hours(23), "23 hours");
        assert_eq!(hours(47), "1 day");
        assert_eq!(hours(48), "2 days");
    }
}
