//! Durations as people write them: `30s`, `5m`, `2h`, `1d`.

use std::{fmt, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A length of time, written as a whole number and a unit: `30s`, `5m`, `2h`, `1d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(Duration);

impl Span {
    /// Takes whole seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }

    /// Returns it as a [`Duration`].
    pub const fn duration(self) -> Duration {
        self.0
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a duration: write 30s, 5m, 2h or 1d");
        let unit_at = text.len().saturating_sub(1);
        let (count, unit) = text.split_at_checked(unit_at).ok_or_else(wrong)?;
        let unit_secs: u64 = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            _ => return Err(wrong()),
        };
        let count: u64 = count.parse().map_err(|_| wrong())?;
        count.checked_mul(unit_secs).map(Self::from_secs).ok_or_else(wrong)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            secs if secs > 0 && secs % 86_400 == 0 => write!(f, "{}d", secs / 86_400),
            secs if secs > 0 && secs % 3600 == 0 => write!(f, "{}h", secs / 3600),
            secs if secs > 0 && secs % 60 == 0 => write!(f, "{}m", secs / 60),
            secs => write!(f, "{secs}s"),
        }
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

impl JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9]+[smhd]$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write_and_writes_it_shortest() {
        for (text, secs, again) in [
            ("30s", 30, "30s"),
            ("90s", 90, "90s"),
            ("5m", 300, "5m"),
            ("60m", 3600, "1h"),
            ("24h", 86_400, "1d"),
            ("0s", 0, "0s"),
        ] {
            let span = Span::try_from(text.to_owned()).unwrap();
            assert_eq!((span.duration().as_secs(), span.to_string().as_str()), (secs, again));
        }
    }

    #[test]
    fn refuses_anything_else() {
        for wrong in
            ["", "5", "m", "-5m", "1.5h", "5 m", "5M", "5min", "99999999999999999999s", "5\u{e9}"]
        {
            let error = Span::try_from(wrong.to_owned()).unwrap_err();
            assert!(error.contains("write 30s, 5m, 2h or 1d"), "{error}");
        }
        assert!(Span::try_from(format!("{}d", u64::MAX)).is_err());
    }
}
