//! Plain YAML scalars, by the 1.2 core schema: `no` and `12:30` are texts.

use crate::{Number, Value};

/// Resolves a scalar that is not quoted; the error says why it has no value here.
pub(super) fn resolve(text: &str) -> Result<Value, String> {
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => true.into(),
        "false" | "False" | "FALSE" => false.into(),
        ".nan" | ".NaN" | ".NAN" => return Err("not-a-number is not a value".to_owned()),
        _ if is_infinite(text) => return Err("infinity is not a value".to_owned()),
        _ => match number(text) {
            Some(number) => Value::Number(number),
            None => text.into(),
        },
    })
}

fn is_infinite(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    matches!(unsigned, ".inf" | ".Inf" | ".INF")
}

/// Reads a number and keeps its digits; JSON wants `1` for `+01` and `0.5` for `.5`.
fn number(text: &str) -> Option<Number> {
    let based = |digits: &str, base| i64::from_str_radix(digits, base).ok().map(Number::from);
    if let Some(digits) = text.strip_prefix("0x") {
        return based(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return based(digits, 8);
    }
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(unsigned) => ("-", unsigned),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let mantissa_end = unsigned.find(['e', 'E']).unwrap_or(unsigned.len());
    let (mantissa, exponent) = unsigned.split_at(mantissa_end);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let point = if fraction.is_empty() { "" } else { "." };
    Number::parse(&format!("{sign}{whole}{point}{fraction}{exponent}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolves_by_the_core_schema_of_yaml_1_2() {
        for (text, value) in [
            ("", "null"),
            ("~", "null"),
            ("null", "null"),
            ("true", "true"),
            ("False", "false"),
            ("no", "\"no\""),
            ("yes", "\"yes\""),
            ("on", "\"on\""),
            ("12:30", "\"12:30\""),
            ("2016-02-29", "\"2016-02-29\""),
            ("15m", "\"15m\""),
            ("60/m", "\"60/m\""),
            ("1_000", "\"1_000\""),
            ("-", "\"-\""),
            (".", "\".\""),
            (".a", "\".a\""),
            ("e5", "\"e5\""),
            ("7", "7"),
            ("+7", "7"),
            ("007", "7"),
            ("-0", "-0"),
            ("0x1F", "31"),
            ("0o17", "15"),
            (".5", "0.5"),
            ("1.", "1"),
            ("1.50", "1.50"),
            ("1e3", "1e3"),
            ("1.5e+3", "1.5e+3"),
            ("12345678901234567890123", "12345678901234567890123"),
            ("0", "0"),
            ("1e", "\"1e\""),
        ] {
            assert_eq!(resolve(text).unwrap().to_string(), value, "{text}");
        }
        assert!(resolve(".nan").is_err() && resolve("-.inf").is_err());
    }
}
