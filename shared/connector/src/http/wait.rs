//! Reads how long to wait: `Retry-After`, and five meanings of "reset".

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, header};
use jiff::Timestamp;

/// Longest wait that is believed; an absurd hint is cut to this.
pub(crate) const LONGEST: Duration = Duration::from_hours(12);

/// Seconds left, decimals allowed (Discord).
const RESET_AFTER: [&str; 2] = ["x-ratelimit-reset-after", "ratelimit-reset-after"];
/// Epoch seconds (GitHub, decimals at Discord), epoch milliseconds, ISO 8601 (Jira) or seconds left
/// (Zendesk): told apart by what stands there.
const RESET: [&str; 4] =
    ["x-ratelimit-reset", "ratelimit-reset", "x-rate-limit-reset", "zendesk-ratelimit-reset"];
const REMAINING: [&str; 3] =
    ["x-ratelimit-remaining", "ratelimit-remaining", "x-rate-limit-remaining"];

/// Returns how long the vendor asks to wait, at most 12 hours; `None` when it does not say.
///
/// `now_ms` is our clock. Where the answer has a `Date`, times are compared with that instead, so
/// that a wrong clock on either side does no harm.
pub(crate) fn hint(headers: &HeaderMap, now_ms: i64) -> Option<Duration> {
    let now_ms = date(headers).unwrap_or(now_ms);
    retry_after(headers, now_ms).or_else(|| reset(headers, now_ms))
}

/// Returns how long until the vendor takes calls again, when it says that none remain.
pub(crate) fn exhausted(headers: &HeaderMap, now_ms: i64) -> Option<Duration> {
    let remaining = first(headers, &REMAINING)?.trim().parse::<f64>().ok()?;
    let now_ms = date(headers).unwrap_or(now_ms);
    if remaining >= 1.0 { None } else { reset(headers, now_ms) }
}

/// Tells whether a refusal is about the rate: GitHub's secondary limit answers 403.
pub(crate) fn is_about_rate(headers: &HeaderMap, now_ms: i64) -> bool {
    headers.contains_key(header::RETRY_AFTER) || exhausted(headers, now_ms).is_some()
}

fn retry_after(headers: &HeaderMap, now_ms: i64) -> Option<Duration> {
    let text = first(headers, &[header::RETRY_AFTER.as_str()])?.trim();
    if let Ok(secs) = text.parse::<f64>() {
        return from_secs(secs);
    }
    let at = httpdate::parse_http_date(text).ok()?;
    Some(until(millis(at)?, now_ms))
}

fn reset(headers: &HeaderMap, now_ms: i64) -> Option<Duration> {
    if let Some(text) = first(headers, &RESET_AFTER) {
        return from_secs(text.trim().parse().ok()?);
    }
    let text = first(headers, &RESET)?.trim();
    match text.parse::<f64>() {
        Ok(number) if number >= 1e12 => Some(until(whole(number), now_ms)),
        Ok(number) if number >= 1e9 => Some(until(whole(number * 1000.0), now_ms)),
        Ok(number) => from_secs(number),
        Err(_) => {
            let at: Timestamp = text.parse().ok()?;
            Some(until(at.as_millisecond(), now_ms))
        }
    }
}

fn first<'h>(headers: &'h HeaderMap, names: &[&str]) -> Option<&'h str> {
    names.iter().find_map(|name| headers.get(*name)?.to_str().ok())
}

fn date(headers: &HeaderMap) -> Option<i64> {
    let text = first(headers, &[header::DATE.as_str()])?;
    millis(httpdate::parse_http_date(text).ok()?)
}

fn millis(at: std::time::SystemTime) -> Option<i64> {
    i64::try_from(at.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}

fn until(at_ms: i64, now_ms: i64) -> Duration {
    let left = u64::try_from(at_ms.saturating_sub(now_ms)).unwrap_or(0);
    Duration::from_millis(left).min(LONGEST)
}

/// A negative wait is none; `NaN` is nonsense.
fn from_secs(secs: f64) -> Option<Duration> {
    let most = LONGEST.as_secs_f64();
    (!secs.is_nan()).then(|| Duration::from_secs_f64(secs.clamp(0.0, most)))
}

#[expect(clippy::cast_possible_truncation, reason = "a cast saturates, and the wait is cut anyway")]
fn whole(number: f64) -> i64 {
    number as i64
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    const NOW_MS: i64 = 1_700_000_000_000;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&str, &str)| {
            (HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    fn wait(name: &str, value: &str) -> Option<u64> {
        let wait = hint(&headers(&[(name, value)]), NOW_MS)?;
        Some(u64::try_from(wait.as_millis()).unwrap())
    }

    #[test]
    fn reads_every_shape_of_retry_after() {
        for (text, millis) in [
            ("7", Some(7_000)),
            (" 1.5 ", Some(1_500)),
            ("0", Some(0)),
            ("-5", Some(0)),
            ("1000000000", Some(43_200_000)),
            ("1e300", Some(43_200_000)),
            ("Tue, 14 Nov 2023 22:13:50 GMT", Some(30_000)),
            ("Tue, 14 Nov 2023 22:13:10 GMT", Some(0)),
            ("Wed, 14 Nov 2035 22:13:10 GMT", Some(43_200_000)),
            ("soon", None),
            ("NaN", None),
            ("", None),
        ] {
            assert_eq!(wait("retry-after", text), millis, "{text}");
        }
        assert_eq!(hint(&HeaderMap::new(), NOW_MS), None);
    }

    #[test]
    fn tells_five_meanings_of_reset_apart() {
        assert_eq!(wait("x-ratelimit-reset-after", "1.25"), Some(1_250));
        assert_eq!(wait("x-ratelimit-reset", "1700000030"), Some(30_000));
        assert_eq!(wait("x-ratelimit-reset", "1700000030.5"), Some(30_500));
        assert_eq!(wait("x-rate-limit-reset", "1700000030000"), Some(30_000));
        assert_eq!(wait("x-ratelimit-reset", "2023-11-14T22:14Z"), Some(40_000));
        assert_eq!(wait("ratelimit-reset", "41"), Some(41_000));
    }

    #[test]
    fn compares_with_the_vendors_own_clock() {
        let skewed = headers(&[
            ("date", "Tue, 14 Nov 2023 23:13:20 GMT"),
            ("x-rate-limit-remaining", "0"),
            ("x-rate-limit-reset", "1700003630"),
        ]);
        assert_eq!(hint(&skewed, NOW_MS), Some(Duration::from_secs(30)));
        assert_eq!(exhausted(&skewed, NOW_MS), Some(Duration::from_secs(30)));
    }

    #[test]
    fn is_exhausted_only_when_nothing_remains() {
        let with = |left| headers(&[("ratelimit-remaining", left), ("ratelimit-reset", "9")]);
        assert_eq!(exhausted(&with("0"), NOW_MS), Some(Duration::from_secs(9)));
        assert_eq!(exhausted(&with("1"), NOW_MS), None);
        assert!(is_about_rate(&with("0"), NOW_MS));
        assert!(!is_about_rate(&with("5"), NOW_MS));
    }

    proptest::proptest! {
        #[test]
        fn no_header_makes_it_wait_longer_than_half_a_day(text in "[ -~]{0,40}") {
            for name in ["retry-after", "x-ratelimit-reset", "x-ratelimit-reset-after", "date"] {
                let wait = hint(&headers(&[(name, &text)]), NOW_MS);
                proptest::prop_assert!(wait.is_none_or(|wait| wait <= LONGEST));
            }
        }
    }
}
