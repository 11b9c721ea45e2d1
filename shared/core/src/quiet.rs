//! Hours of the day in which only what is urgent is told.

use jiff::{Timestamp, civil::Time, tz::TimeZone};

use crate::definition::QuietHours;

/// Returns when the quiet hours end that `at_ms` is in; `None` when it is in none. Both in
/// milliseconds since 1970. Hours whose end is before their start go over midnight.
pub fn quiet_until(hours: &QuietHours, at_ms: i64) -> Option<i64> {
    let time = |text: &str| format!("{text}:00").parse::<Time>().ok();
    let (from, to) = (time(&hours.from)?, time(&hours.to)?);
    let zone = hours.zone.as_deref().and_then(|zone| TimeZone::get(zone).ok());
    let zone = zone.unwrap_or(TimeZone::UTC);
    let now = Timestamp::from_millisecond(at_ms).ok()?.to_zoned(zone.clone());
    let day = if from <= to {
        let is_quiet = from <= now.time() && now.time() < to;
        is_quiet.then(|| now.date())?
    } else if now.time() >= from {
        now.date().tomorrow().ok()?
    } else {
        (now.time() < to).then(|| now.date())?
    };
    let end = day.to_datetime(to).to_zoned(zone).ok()?;
    Some(end.timestamp().as_millisecond().max(at_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn until(hours: &str, at: &str) -> Option<String> {
        let hours: QuietHours = serde_json::from_str(hours).unwrap();
        let at: Timestamp = at.parse().unwrap();
        quiet_until(&hours, at.as_millisecond())
            .map(|end| Timestamp::from_millisecond(end).unwrap().to_string())
    }

    #[test]
    fn go_over_midnight_in_their_zone() {
        let berlin = r#"{"from":"22:00","to":"07:00","zone":"Europe/Berlin"}"#;
        assert_eq!(until(berlin, "2026-07-01T19:59:59Z"), None);
        assert_eq!(until(berlin, "2026-07-01T20:00:00Z").unwrap(), "2026-07-02T05:00:00Z");
        assert_eq!(until(berlin, "2026-07-02T04:59:59Z").unwrap(), "2026-07-02T05:00:00Z");
        assert_eq!(until(berlin, "2026-07-02T05:00:00Z"), None);
    }

    #[test]
    fn lie_within_a_day_too_and_are_none_when_they_have_no_length() {
        let noon = r#"{"from":"12:00","to":"13:30"}"#;
        assert_eq!(until(noon, "2026-07-01T13:29:00Z").unwrap(), "2026-07-01T13:30:00Z");
        assert_eq!(until(noon, "2026-07-01T11:59:00Z"), None);
        assert_eq!(until(r#"{"from":"12:00","to":"12:00"}"#, "2026-07-01T12:00:00Z"), None);
    }

    #[test]
    fn end_by_the_clock_on_the_wall_when_it_is_moved() {
        let berlin = r#"{"from":"22:00","to":"07:00","zone":"Europe/Berlin"}"#;
        assert_eq!(until(berlin, "2026-10-24T21:00:00Z").unwrap(), "2026-10-25T06:00:00Z");
    }
}
