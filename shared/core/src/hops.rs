//! How many integrations a record has come through: what ends a loop that content does not end.
//!
//! Two hubs that are wired to each other, or two tables of one hub, come to rest when what comes back is
//! what is there. A mapping that makes something new each time would go on for ever. So each record says
//! how often hubs have made one of another: the stage that maps it counts, a hub table keeps the number
//! beside the row, a webhook or a call that goes out has it in a header, and `ingest` reads it there.

use serde::{Deserialize, Serialize};

/// Code of the error log's rows about records that go round.
pub const LOOP: &str = "LOOP";

/// Integrations that a record has come through, in this hub and in others.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Hops(u8);

impl Hops {
    /// A record that has come through so many is not mapped once more.
    pub const MOST: Self = Self(16);

    /// Header in which one hub tells another. Whoever writes a number into it can only have his record
    /// refused earlier.
    pub const HEADER: &'static str = "ferrule-hops";

    /// Makes a number of hops; one too large is one too large.
    pub fn new(number: impl TryInto<u8>) -> Self {
        Self(number.try_into().unwrap_or(u8::MAX))
    }

    /// Reads the header. What is no number is not from a hub.
    pub fn of_header(text: Option<&str>) -> Self {
        let text = text.map(str::trim).unwrap_or_default();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Self::default();
        }
        Self(text.parse().unwrap_or(u8::MAX))
    }

    /// Returns the number.
    pub fn number(self) -> u8 {
        self.0
    }

    /// Tells whether no integration has made it.
    pub fn is_none(&self) -> bool {
        self.0 == 0
    }

    /// Returns what it is after one more.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Tells whether it goes round, as far as anybody can tell.
    pub fn is_loop(self) -> bool {
        self >= Self::MOST
    }

    /// Tells whether it has gone round before: what was said of that must not go round, too.
    pub fn is_told(self) -> bool {
        self > Self::MOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_can_say_too_much_but_never_less_than_nothing() {
        for (text, hops) in [
            (None, 0),
            (Some("3"), 3),
            (Some(" 12 "), 12),
            (Some("256"), u8::MAX),
            (Some("99999999999999999999999"), u8::MAX),
            (Some(""), 0),
            (Some("-1"), 0),
            (Some("+1"), 0),
            (Some("1e2"), 0),
        ] {
            assert_eq!(Hops::of_header(text).number(), hops, "{text:?}");
        }
    }

    #[test]
    fn a_loop_is_told_of_once() {
        let last = Hops::new(15);
        assert!(!last.is_loop());
        assert!(last.next().is_loop() && !last.next().is_told());
        assert!(last.next().next().is_told());
        assert_eq!(Hops::new(-1), Hops::new(255).next(), "it never begins again");
    }
}
