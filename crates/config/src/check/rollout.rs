//! The rollouts of a service.

use std::time::Duration;

use rules::{Bake, JudgeSettings, OnFail, RolloutSettings};

use super::time;
use crate::key::{At, Key};
use crate::problem::ProblemList;
use crate::raw;

/// The longest time that a switch may be watched.
const BAKE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The bounds of `floor`, in millionths.
const FLOOR: std::ops::RangeInclusive<u32> = 100..=500_000;

pub(super) fn rollout(raw: &raw::Rollout, found: &mut ProblemList) -> RolloutSettings {
    let default = RolloutSettings::default();
    let bake = time(&raw.bake, "service.rollout.bake", found).filter(|(bake, offset)| {
        let fits = *bake <= BAKE_MAX;
        if !fits {
            found.at(*offset, "service.rollout.bake is too long; write at most \"24h\"");
        }
        fits
    });
    let on_fail = match raw.on_fail.get() {
        Some(raw::OnFail::Notify) => OnFail::Notify,
        Some(raw::OnFail::Rollback) | None => OnFail::Rollback,
    };
    let duration = bake.map_or(default.bake.duration, |(bake, _)| bake);
    let judge = raw.judge.get().map(|raw| judge(raw, found));
    RolloutSettings { bake: Bake { duration, on_fail }, judge: judge.unwrap_or_default() }
}

/// Returns the time within which traffic may go back by itself; `None`: it never does.
pub(super) fn takes_back_within(raw: &raw::Rollout) -> Option<Duration> {
    if matches!(raw.on_fail.get(), Some(raw::OnFail::Notify)) {
        return None;
    }
    let written = raw.bake.get().map(|crate::key::Time(text)| crate::unit::duration(text));
    written.map_or(Some(Bake::default().duration), Result::ok)
}

fn judge(raw: &raw::Judge, found: &mut ProblemList) -> JudgeSettings {
    let default = JudgeSettings::default();
    JudgeSettings {
        tolerance: tolerance(&raw.tolerance, found).unwrap_or(default.tolerance),
        floor: floor(&raw.floor, found).unwrap_or(default.floor),
        min_bad: raw.min_bad.get().copied().unwrap_or(default.min_bad),
        min_clients: raw.min_clients.get().copied().unwrap_or(default.min_clients),
    }
}

/// Returns the tolerance in thousandths.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is from 1 to 100")]
fn tolerance(key: &Key<f64>, found: &mut ProblemList) -> Option<u32> {
    let At { value, offset } = key.at()?;
    if (1.0..=100.0).contains(value) {
        return Some((value * 1000.0).round() as u32);
    }
    let message =
        format!("service.rollout.judge.tolerance is {value}; write a number from 1.0 to 100.0");
    found.at(*offset, message);
    None
}

/// Returns the floor in millionths.
fn floor(key: &Key<String>, found: &mut ProblemList) -> Option<u32> {
    let At { value, offset } = key.at()?;
    let share = millionths(value).filter(|share| FLOOR.contains(share));
    if share.is_none() {
        let message = format!(
            "service.rollout.judge.floor is {value:?}; write a percentage from \"0.01%\" to \"50%\""
        );
        found.at(*offset, message);
    }
    share
}

/// Parses `"0.5%"`: up to four digits after the point.
fn millionths(text: &str) -> Option<u32> {
    let number = text.strip_suffix('%')?;
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(part) || whole.len() > 3 || part.len() > 4 {
        return None;
    }
    let part: u32 = format!("{part:0<4}").parse().ok()?;
    Some(whole.parse::<u32>().ok()? * 10_000 + part)
}

#[cfg(test)]
mod tests {
    use super::millionths;

    #[test]
    fn a_percentage_has_up_to_four_digits_after_the_point() {
        for (text, share) in
            [("0.5%", 5000), ("1%", 10_000), ("100%", 1_000_000), ("0.0001%", 1), ("2.25%", 22_500)]
        {
            assert_eq!(millionths(text), Some(share), "{text}");
        }
        for text in ["", "%", "5", ".5%", "5.%", "0.00001%", "-1%", "1 %", "1e1%", "1000%"] {
            assert_eq!(millionths(text), None, "{text:?}");
        }
    }
}
