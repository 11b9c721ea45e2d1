//! Points in time and days, read and written.

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    fmt::strtime::{self, BrokenDownTime},
    tz::TimeZone,
};

use crate::definition::{Problem, Rule};

/// How times of one column are written at the source.
#[derive(Debug)]
pub(super) struct Notation {
    format: Option<String>,
    zone: TimeZone,
}

impl Notation {
    /// Checks format and zone.
    pub(super) fn compile(at: &str, rule: &Rule, problems: &mut Vec<Problem>) -> Self {
        if let Some(format) = &rule.format
            && let Err(why) = check_format(format)
        {
            problems.push(Problem::new(format!("{at}.format"), why));
        }
        let zone = rule.zone.as_deref().unwrap_or("UTC");
        let zone = zone_of(zone).unwrap_or_else(|why| {
            problems.push(Problem::new(format!("{at}.zone"), why));
            TimeZone::UTC
        });
        Self { format: rule.format.clone(), zone }
    }

    /// Says what is expected, for messages.
    pub(super) fn describe(&self, what: &str) -> String {
        match &self.format {
            Some(format) => format!("{what} written as {format}"),
            None => format!("{what} in ISO 8601"),
        }
    }

    /// Reads a point in time; without an offset it is taken in the column's zone.
    pub(super) fn instant(&self, text: &str) -> Option<Timestamp> {
        let Some(format) = &self.format else {
            return text.parse().ok().or_else(|| self.civil(iso(text)?));
        };
        let parsed = BrokenDownTime::parse(format, text).ok()?;
        if parsed.offset().is_some() {
            return parsed.to_timestamp().ok();
        }
        self.civil(parsed.to_datetime().or_else(|_| parsed.to_date().map(DateTime::from)).ok()?)
    }

    /// Reads a day; a point in time is the day that it is in the column's zone.
    pub(super) fn day(&self, text: &str) -> Option<Date> {
        let Some(format) = &self.format else {
            let with_offset = text.parse::<Timestamp>().ok();
            return match with_offset {
                Some(at) => Some(at.to_zoned(self.zone.clone()).date()),
                None => iso(text).map(DateTime::date),
            };
        };
        let parsed = BrokenDownTime::parse(format, text).ok()?;
        match parsed.offset() {
            Some(_) => Some(parsed.to_timestamp().ok()?.to_zoned(self.zone.clone()).date()),
            None => parsed.to_date().ok(),
        }
    }

    fn civil(&self, at: DateTime) -> Option<Timestamp> {
        self.zone.to_timestamp(at).ok()
    }
}

/// Reads a point in time without an offset, or a day.
fn iso(text: &str) -> Option<DateTime> {
    text.parse().ok()
}

/// Finds a zone by its IANA name.
pub(crate) fn zone_of(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| {
        format!("there is no time zone {name:?}: write an IANA name such as Europe/Berlin or UTC")
    })
}

/// A format is right when what it writes can be read with it.
pub(crate) fn check_format(format: &str) -> Result<(), String> {
    let wrong = |why: &dyn std::fmt::Display| {
        format!("{format:?} is not a strptime format such as \"%d-%m-%Y %H:%M\": {why}")
    };
    let sample =
        DateTime::constant(2016, 2, 29, 1, 16, 5, 0).in_tz("UTC").map_err(|e| wrong(&e))?;
    let text = strtime::format(format, &sample).map_err(|error| wrong(&error))?;
    let parsed = BrokenDownTime::parse(format, &text).map_err(|error| wrong(&error))?;
    match (parsed.to_date(), parsed.to_timestamp()) {
        (Err(_), Err(_)) => Err(wrong(&"it needs a year, a month and a day")),
        _ => Ok(()),
    }
}
