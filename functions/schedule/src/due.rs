//! Which tick is due: pure, so that it can be tried with any clock.

use croner::Cron;
use ferrule_core::{
    Digest, Failure,
    definition::{Missed, ScheduleTrigger},
};
use jiff::{Timestamp, Zoned, tz::TimeZone};

/// A tick older than this counts as missed.
const LATE_MS: i64 = 90_000;

/// Returns the tick to start now, if one is due.
///
/// `first_ms` is when the schedule was first seen, `last_ms` the last tick dealt with (0: none).
/// Of several ticks that passed, the latest stands for all.
pub(crate) fn due(
    trigger: &ScheduleTrigger,
    first_ms: i64,
    last_ms: i64,
    now_ms: i64,
    seed: &str,
) -> Result<Option<i64>, Failure> {
    let now_ms = now_ms - jitter_ms(trigger, seed);
    let tick = match (&trigger.every, &trigger.cron) {
        (Some(every), None) => {
            let every_ms = i64::try_from(every.duration().as_millis()).unwrap_or(i64::MAX).max(1);
            latest_every(every_ms, first_ms, last_ms, now_ms)
        }
        (None, Some(cron)) => {
            let since = if last_ms == 0 { first_ms } else { last_ms };
            latest_cron(cron, trigger.zone.as_deref(), since, now_ms)?
        }
        _ => None,
    };
    let skips = trigger.missed == Missed::Skip;
    Ok(tick.filter(|tick| !skips || now_ms - tick < LATE_MS))
}

/// The first tick is at once; the others follow on a fixed grid, so that delays do not add up.
fn latest_every(every_ms: i64, first_ms: i64, last_ms: i64, now_ms: i64) -> Option<i64> {
    if last_ms == 0 {
        return (now_ms >= first_ms).then_some(first_ms.max(1));
    }
    let passed = (now_ms - last_ms).div_euclid(every_ms);
    (passed >= 1).then(|| last_ms + passed * every_ms)
}

fn latest_cron(
    cron: &str,
    zone: Option<&str>,
    since_ms: i64,
    now_ms: i64,
) -> Result<Option<i64>, Failure> {
    let wrong = |error: String| Failure::coded("SCHEDULE", format!("cron {cron:?}: {error}"));
    let parsed: Cron = cron.parse().map_err(|e: croner::errors::CronError| wrong(e.to_string()))?;
    let zone = match zone {
        Some(zone) => TimeZone::get(zone).map_err(|e| wrong(e.to_string()))?,
        None => TimeZone::UTC,
    };
    let at = |ms: i64| -> Result<Zoned, Failure> {
        let time = Timestamp::from_millisecond(ms).map_err(|e| wrong(e.to_string()))?;
        Ok(time.to_zoned(zone.clone()))
    };
    let now = at(now_ms)?;
    match parsed.find_previous_occurrence(&now, true) {
        Ok(tick) => {
            let tick_ms = tick.timestamp().as_millisecond();
            Ok((tick_ms > since_ms).then_some(tick_ms))
        }
        Err(_) => Ok(None),
    }
}

/// The same integration is always late by the same part of `jitter`.
fn jitter_ms(trigger: &ScheduleTrigger, seed: &str) -> i64 {
    let Some(jitter) = trigger.jitter else { return 0 };
    let hash = Digest::of(&[seed.as_bytes()]);
    let part = i64::from_str_radix(&hash.as_str()[..8], 16).unwrap_or(0);
    let most = i64::try_from(jitter.duration().as_millis()).unwrap_or(i64::MAX);
    part % most.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn trigger(text: &str) -> ScheduleTrigger {
        serde_json::from_str(text).unwrap()
    }

    fn ms(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn starts_at_once_then_on_a_grid_and_once_for_missed_ticks() {
        let every = trigger(r#"{"every":"15m"}"#);
        let at = |last, now| due(&every, MINUTE, last, now, "x").unwrap();
        assert_eq!(at(0, MINUTE), Some(MINUTE));
        assert_eq!(at(MINUTE, 15 * MINUTE), None);
        assert_eq!(at(MINUTE, 17 * MINUTE), Some(16 * MINUTE));
        assert_eq!(at(MINUTE, 50 * MINUTE), Some(46 * MINUTE), "three passed, one run");
    }

    #[test]
    fn leaves_missed_ticks_out_when_told_to() {
        let skip = trigger(r#"{"every":"15m","missed":"skip"}"#);
        assert_eq!(due(&skip, 1, MINUTE, 20 * MINUTE, "x").unwrap(), None);
        assert_eq!(due(&skip, 1, MINUTE, 16 * MINUTE, "x").unwrap(), Some(16 * MINUTE));
    }

    #[test]
    fn reads_cron_in_its_zone_across_daylight_saving() {
        let cron = trigger(r#"{"cron":"30 6 * * *","zone":"Europe/Berlin"}"#);
        let at = |since: &str, now: &str| due(&cron, ms(since), 0, ms(now), "x").unwrap();
        let winter = at("2026-03-28T00:00:00Z", "2026-03-28T05:31:00Z");
        assert_eq!(winter, Some(ms("2026-03-28T05:30:00Z")));
        let summer = at("2026-03-29T00:00:00Z", "2026-03-29T04:31:00Z");
        assert_eq!(summer, Some(ms("2026-03-29T04:30:00Z")));
        assert_eq!(at("2026-03-28T05:30:00Z", "2026-03-28T05:31:00Z"), None, "dealt with");
    }

    #[test]
    fn jitter_is_the_same_each_time_and_within_bounds() {
        let jitter = trigger(r#"{"every":"1h","jitter":"10m"}"#);
        let late = jitter_ms(&jitter, "demo/incidents");
        assert_eq!(late, jitter_ms(&jitter, "demo/incidents"));
        assert!((0..10 * MINUTE).contains(&late));
        assert_ne!(late, jitter_ms(&jitter, "demo/other"));
    }
}
