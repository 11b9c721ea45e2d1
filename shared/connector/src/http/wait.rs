//! Reads how long to wait: `Retry-After`, and five meanings of "reset".

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, header};
use jiff::Timestamp;

use super::rate::{RateHeaders, ResetIs};

/// Longest wait that is believed; an absurd hint is cut to this.
pub(crate) const LONGEST: Duration = Duration::from_hours(12);

/// What is waited when there are too many calls at one time: a reset says nothing about that.
const CONCURRENCY: Duration = Duration::from_secs(5);

/// Seconds left, decimals allowed (Discord).
const RESET_AFTER: [&str; 2] = ["x-ratelimit-reset-after", "ratelimit-reset-after"];
/// Epoch seconds (GitHub, decimals at Discord), epoch milliseconds, ISO 8601 (Jira) or seconds left
/// (Zendesk): told apart by what stands there.
const RESET: [&str; 4] =
    ["x-ratelimit-reset", "ratelimit-reset", "x-rate-limit-reset", "zendesk-ratelimit-reset"];
const REMAINING: [&str; 3] =
    ["x-ratelimit-remaining", "ratelimit-remaining", "x-rate-limit-remaining"];
const LIMIT: [&str; 3] = ["x-ratelimit-limit", "ratelimit-limit", "x-rate-limit-limit"];
/// GitHub, GitLab.
const USED: [&str; 2] = ["x-ratelimit-used", "ratelimit-observed"];
const RETRY_AFTER: [&str; 1] = ["retry-after"];

/// What the headers of an answer say about the rate.
#[derive(Clone, Copy)]
pub(crate) struct Hints<'h> {
    headers: &'h HeaderMap,
    names: &'h RateHeaders,
    now_ms: i64,
}

impl<'h> Hints<'h> {
    /// `now_ms` is our clock. Where the answer has a `Date`, times are compared with that instead,
    /// so that a wrong clock on either side does no harm.
    pub(crate) fn new(headers: &'h HeaderMap, names: &'h RateHeaders, now_ms: i64) -> Self {
        Self { headers, names, now_ms: date(headers).unwrap_or(now_ms) }
    }

    /// Returns how long the vendor asks to wait, at most 12 hours; `None` when it does not say.
    pub(crate) fn wait(self) -> Option<Duration> {
        self.retry_after().or_else(|| match self.remaining() {
            // The window's end says nothing while calls remain.
            Some(remaining) if remaining >= 1.0 => None,
            _ => self.reset(),
        })
    }

    /// Returns how long until the vendor takes calls again, when it says that none remain.
    pub(crate) fn exhausted(self) -> Option<Duration> {
        if self.remaining()? >= 1.0 { None } else { self.reset() }
    }

    /// Tells whether a refusal is about the rate: GitHub's secondary limit answers 403.
    pub(crate) fn is_about_rate(self) -> bool {
        self.text(self.names.retry_after.as_ref(), &RETRY_AFTER).is_some()
            || self.exhausted().is_some()
    }

    fn remaining(self) -> Option<f64> {
        let number = |name, usual| self.text(name, usual)?.parse::<f64>().ok();
        number(self.names.remaining.as_ref(), &REMAINING[..]).or_else(|| {
            let limit = number(self.names.limit.as_ref(), &LIMIT)?;
            Some(limit - number(self.names.used.as_ref(), &USED)?)
        })
    }

    fn retry_after(self) -> Option<Duration> {
        let text = self.text(self.names.retry_after.as_ref(), &RETRY_AFTER)?;
        match text.parse::<f64>() {
            Ok(secs) => from_secs(secs),
            Err(_) => Some(until(moment(text)?, self.now_ms)),
        }
    }

    fn reset(self) -> Option<Duration> {
        let names = self.names;
        // Okta says so: a limit of none is about calls at the same time.
        if self.text(names.limit.as_ref(), &LIMIT).and_then(|text| text.parse().ok()) == Some(0) {
            return Some(CONCURRENCY);
        }
        let says_nothing = names.reset.is_none() && names.reset_is == ResetIs::Any;
        if let (true, Some(text)) = (says_nothing, first(self.headers, &RESET_AFTER)) {
            return from_secs(text.parse().ok()?);
        }
        let text = self.text(names.reset.as_ref(), &RESET)?;
        let number = text.parse::<f64>().ok();
        match (names.reset_is, number) {
            (ResetIs::Any, Some(number)) => self.until(meaning(number), number),
            (ResetIs::Any | ResetIs::Text, _) => Some(until(moment(text)?, self.now_ms)),
            (said, number) => self.until(said, number?),
        }
    }

    fn until(self, meaning: ResetIs, number: f64) -> Option<Duration> {
        match meaning {
            ResetIs::EpochMillis => Some(until(whole(number), self.now_ms)),
            ResetIs::EpochSeconds => Some(until(whole(number * 1000.0), self.now_ms)),
            _ => from_secs(number),
        }
    }

    /// Returns what stands in the header of this name, else in the first of the usual ones.
    fn text(self, name: Option<&String>, usual: &[&str]) -> Option<&'h str> {
        match name {
            Some(name) => first(self.headers, &[name]),
            None => first(self.headers, usual),
        }
    }
}

/// Tells the meanings of a number apart by its size.
fn meaning(number: f64) -> ResetIs {
    match number {
        _ if number >= 1e12 => ResetIs::EpochMillis,
        _ if number >= 1e9 => ResetIs::EpochSeconds,
        _ => ResetIs::SecondsLeft,
    }
}

/// Reads a moment: ISO 8601, or as in `Date`.
fn moment(text: &str) -> Option<i64> {
    match text.parse::<Timestamp>() {
        Ok(at) => Some(at.as_millisecond()),
        Err(_) => millis(httpdate::parse_http_date(text).ok()?),
    }
}

fn first<'h>(headers: &'h HeaderMap, names: &[&str]) -> Option<&'h str> {
    names.iter().find_map(|name| headers.get(*name)?.to_str().ok()).map(str::trim)
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
mod tests;
