//! Numbers, times and foreign texts as a person reads them.

use jiff::Timestamp;
use serde_json::Value;

/// Writes a number with thousands apart: `5,998`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes a number with what is counted: `1 row`, `5,998 rows`.
pub(crate) fn counted(number: u64, what: &str) -> String {
    let end = if number == 1 { "" } else { "s" };
    format!("{} {what}{end}", count(number))
}

/// Writes a duration in milliseconds: `950 ms`, `12.3 s`, `4 min 5 s`.
pub(crate) fn since(millis: u64) -> String {
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..60_000 => format!("{}.{} s", millis / 1000, millis % 1000 / 100),
        _ => format!("{} min {} s", millis / 60_000, millis % 60_000 / 1000),
    }
}

/// Writes a moment, given in milliseconds since 1970 or as RFC 3339, to the second.
pub(crate) fn moment(value: &Value) -> String {
    let time = match value {
        Value::Number(millis) => {
            millis.as_i64().and_then(|millis| Timestamp::from_millisecond(millis).ok())
        }
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    time.map_or_else(String::new, |time: Timestamp| time.strftime("%Y-%m-%d %H:%M:%SZ").to_string())
}

/// Makes control characters visible and cuts to `most` characters.
pub(crate) fn plain(text: &str, most: usize) -> String {
    let visible = |c: char| if c.is_control() { '\u{b7}' } else { c };
    let mut cut: String = text.chars().take(most).map(visible).collect();
    if text.chars().nth(most).is_some() {
        cut.push('\u{2026}');
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_in_thousands() {
        let texts = [0, 999, 1000, 5998, 1_234_567].map(count);
        assert_eq!(texts, ["0", "999", "1,000", "5,998", "1,234,567"]);
        assert_eq!(counted(1, "row"), "1 row");
    }

    #[test]
    fn durations_read_as_people_say_them() {
        assert_eq!([950, 12_345, 245_000].map(since), ["950 ms", "12.3 s", "4 min 5 s"]);
    }

    #[test]
    fn a_moment_is_shown_the_same_from_number_and_text() {
        let number = moment(&Value::from(1_456_709_000_000_i64));
        assert_eq!(number, "2016-02-29 01:23:20Z");
        assert_eq!(moment(&Value::from("2016-02-29T01:23:20.5Z")), number);
    }
}
