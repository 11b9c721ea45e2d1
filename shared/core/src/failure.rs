//! The one error type: what should happen next?

use std::time::Duration;

/// Waits after the first, second and third failure. Then the work is parked.
pub const SCHEDULE: [Duration; 3] =
    [Duration::from_mins(1), Duration::from_mins(5), Duration::from_mins(15)];

/// Code of a failure that a rule of the definition lets fail the whole run.
pub const FAIL_RUN: &str = "FAIL_RUN";

/// Begins the name of a service that the hub itself is built on. No connection has a space in its name.
const OWN: &str = "aws ";

/// Code of a failure that says that the target is gone for good: nothing is sent there any more.
pub const TARGET_GONE: &str = "TARGET_GONE";

/// Where a failure came from, kept for the error log: the message of each cause, outermost first.
pub type Trace = Vec<String>;

/// Why work did not succeed, as a decision about what happens next.
///
/// Connectors and stages return this and nothing else; the queue runner turns it into a wait, a
/// token refresh or a row in the error log.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Failure {
    /// Wait as long as they ask; it is not an attempt.
    #[error("{service} asked to slow down")]
    Throttled {
        /// Who throttled us: a vendor, or our own limit.
        service: String,
        /// Their own hint, when they gave one.
        retry_after: Option<Duration>,
    },
    /// Try again after the schedule: a timeout, a dropped connection, a 5xx answer.
    #[error("{service} is unavailable: {reason}")]
    Unavailable {
        /// Who is unavailable.
        service: String,
        /// What was seen, with secrets removed.
        reason: String,
        /// Their own hint, when they gave one; never tried again before it.
        retry_after: Option<Duration>,
    },
    /// Refresh the credentials once, then park.
    #[error("{service} refused the credentials: {reason}")]
    Unauthorized {
        /// Who refused them.
        service: String,
        /// What was seen, with secrets removed.
        reason: String,
    },
    /// Park: the other side understood the request and said no.
    #[error("{service} rejected the request: {reason}")]
    Rejected {
        /// Who rejected it.
        service: String,
        /// Their words, with secrets removed.
        reason: String,
    },
    /// Park: the message, record or settings cannot be used as they are.
    #[error("{reason}")]
    Invalid {
        /// Stable upper-case code when there is a more telling one than `invalid`.
        code: &'static str,
        /// What is wrong, where, and what to do.
        reason: String,
    },
    /// Give the message back untouched: it is for a newer version or another moment.
    #[error("deferred: {reason}")]
    Deferred {
        /// Why it cannot be handled now.
        reason: String,
        /// How long until it is worth a look.
        wait: Duration,
    },
}

/// What the queue runner does with a [`Failure`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Deliver again after this long; counts as an attempt.
    Retry(Duration),
    /// Deliver again after this long; does not count.
    Wait(Duration),
    /// Write it to the error log and park it.
    Park,
}

impl Failure {
    /// Says that `service` could not be reached or did not answer properly.
    pub fn unavailable(service: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Unavailable { service: service.into(), reason: reason.into(), retry_after: None }
    }

    /// Says that a service that the hub itself is built on could not be reached: nobody's work is to
    /// blame for that.
    pub fn own(service: &str, reason: impl Into<String>) -> Self {
        Self::unavailable(format!("{OWN}{service}"), reason)
    }

    /// Says that `service` understood and said no.
    pub fn rejected(service: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Rejected { service: service.into(), reason: reason.into() }
    }

    /// Says that the credentials for `service` are not accepted.
    pub fn unauthorized(service: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Unauthorized { service: service.into(), reason: reason.into() }
    }

    /// Says that something cannot be used as it is.
    pub fn invalid(reason: impl Into<String>) -> Self {
        Self::Invalid { code: "invalid", reason: reason.into() }
    }

    /// Says that something cannot be used as it is, under its own error-log code.
    pub fn coded(code: &'static str, reason: impl Into<String>) -> Self {
        Self::Invalid { code, reason: reason.into() }
    }

    /// Says that a target is gone for good (410, an archived channel): it is to be disabled.
    pub fn gone(service: impl std::fmt::Display, reason: impl std::fmt::Display) -> Self {
        Self::coded(TARGET_GONE, format!("{service} says that the target is gone: {reason}"))
    }

    /// Short stable name: the `code` column of the error log and a metric dimension.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Throttled { .. } => "throttled",
            Self::Unavailable { .. } => "unavailable",
            Self::Unauthorized { .. } => "unauthorized",
            Self::Rejected { .. } => "rejected",
            Self::Invalid { code, .. } => code,
            Self::Deferred { .. } => "deferred",
        }
    }

    /// Tells whether a service failed that the hub itself is built on.
    pub fn is_own(&self) -> bool {
        matches!(self, Self::Unavailable { service, .. } if service.starts_with(OWN))
    }

    /// Tells whether a rule of the definition says that the whole run fails.
    pub fn fails_run(&self) -> bool {
        self.code() == FAIL_RUN
    }

    /// Tells whether the target is to be disabled.
    pub fn is_gone(&self) -> bool {
        self.code() == TARGET_GONE
    }

    /// Decides what happens after `failures` failed attempts, this one included, under `schedule`.
    pub fn next(&self, failures: usize, schedule: &[Duration]) -> Next {
        match self {
            Self::Throttled { retry_after, .. } => {
                Next::Wait(retry_after.unwrap_or(Duration::from_mins(1)))
            }
            Self::Deferred { wait, .. } => Next::Wait(*wait),
            Self::Unavailable { retry_after, .. } => {
                match schedule.get(failures.saturating_sub(1)) {
                    Some(wait) => Next::Retry(retry_after.unwrap_or(*wait).max(*wait)),
                    None => Next::Park,
                }
            }
            Self::Unauthorized { .. } | Self::Rejected { .. } | Self::Invalid { .. } => Next::Park,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_one_five_and_fifteen_minutes_then_parks() {
        let down = Failure::unavailable("jira", "503");
        let nexts: Vec<_> = (1..=4).map(|failures| down.next(failures, &SCHEDULE)).collect();
        let retry = |minutes| Next::Retry(Duration::from_mins(minutes));
        assert_eq!(nexts, [retry(1), retry(5), retry(15), Next::Park]);
    }

    #[test]
    fn waiting_for_a_rate_limit_never_becomes_an_attempt() {
        let hint = Duration::from_secs(7);
        let slow = Failure::Throttled { service: "slack".into(), retry_after: Some(hint) };
        assert_eq!(slow.next(99, &SCHEDULE), Next::Wait(hint));
    }

    #[test]
    fn honours_a_longer_hint_but_never_a_shorter_one() {
        let busy = |secs| Failure::Unavailable {
            service: "zendesk".into(),
            reason: "503".into(),
            retry_after: Some(Duration::from_secs(secs)),
        };
        assert_eq!(busy(300).next(1, &SCHEDULE), Next::Retry(Duration::from_mins(5)));
        assert_eq!(busy(2).next(1, &SCHEDULE), Next::Retry(Duration::from_mins(1)));
    }

    #[test]
    fn the_hubs_own_trouble_is_told_from_that_of_a_connection_with_the_same_name() {
        assert!(Failure::own("sqs", "throttled").is_own());
        assert!(!Failure::unavailable("sqs", "503").is_own());
        assert_eq!(Failure::own("sqs", "x").to_string(), "aws sqs is unavailable: x");
    }

    #[test]
    fn never_retries_a_rejected_request() {
        assert_eq!(Failure::rejected("okta", "no such user").next(1, &SCHEDULE), Next::Park);
    }
}
