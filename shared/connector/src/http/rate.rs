//! Which headers tell about the rate of calls: a vendor's own, or the usual ones.

use http::HeaderName;
use schemars::JsonSchema;
use serde::Deserialize;

/// Which headers of an answer tell about the rate of calls. Where no name is given, the usual ones
/// are looked for (`X-RateLimit-*`, `RateLimit-*` and their relatives, `Retry-After`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RateHeaders {
    /// Header with the calls that a window has. With `used` it tells how many are left.
    pub limit: Option<String>,
    /// Header with the calls that are used up.
    pub used: Option<String>,
    /// Header with the calls that are left.
    pub remaining: Option<String>,
    /// Header that says when calls are taken again.
    pub reset: Option<String>,
    /// What stands in that header. Decimals are read in each.
    pub reset_is: ResetIs,
    /// Header that says how long to wait: seconds or a date.
    pub retry_after: Option<String>,
}

/// What a vendor means by "reset".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResetIs {
    /// One of the others, told apart by its size and shape.
    #[default]
    Any,
    /// Seconds since 1970.
    EpochSeconds,
    /// Milliseconds since 1970.
    EpochMillis,
    /// Seconds from now.
    SecondsLeft,
    /// A date and time: ISO 8601, or as in `Date`.
    Text,
}

impl RateHeaders {
    /// The usual ones.
    pub(crate) const USUAL: &'static Self = &Self {
        limit: None,
        used: None,
        remaining: None,
        reset: None,
        reset_is: ResetIs::Any,
        retry_after: None,
    };

    /// Returns a name that no header can have.
    pub(crate) fn misnamed(&self) -> Option<&str> {
        [&self.limit, &self.used, &self.remaining, &self.reset, &self.retry_after]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .find(|name| HeaderName::try_from(*name).is_err())
    }
}
