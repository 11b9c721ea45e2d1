//! Exact decimal numbers of bounded length, for conversions, limits and expressions.

use std::cmp::Ordering;

use crate::Number;

/// Longer numbers are carried and compared, but not calculated with.
const MAX_DIGITS: usize = 400;

/// A number as sign, digits (first one not zero; none at all for zero) and a power of ten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    exponent: i32,
}

impl Decimal {
    /// Reads digits with an optional sign, fraction and exponent: a bit more than JSON allows.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, body) = match text.strip_prefix('-') {
            Some(body) => (true, body),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, power) = match body.split_once(['e', 'E']) {
            Some((mantissa, power)) => (mantissa, power.parse::<i32>().ok()?),
            None => (body, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (mantissa, ""),
        };
        let only_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !only_digits(whole) || !only_digits(fraction) {
            return None;
        }
        let digits = whole.bytes().chain(fraction.bytes()).map(|b| b - b'0').collect();
        let exponent = power.checked_sub(i32::try_from(fraction.len()).ok()?)?;
        Self { negative, digits, exponent }.normal()
    }

    /// Takes a JSON number; `None` only when its exponent does not fit 32 bits.
    pub(crate) fn of(number: &Number) -> Option<Self> {
        Self::parse(&number.to_string())
    }

    /// Drops zeros at both ends.
    fn normal(mut self) -> Option<Self> {
        let zeros_in_front = self.digits.iter().take_while(|d| **d == 0).count();
        self.digits.drain(..zeros_in_front);
        while self.digits.last() == Some(&0) {
            self.digits.pop();
            self.exponent = self.exponent.checked_add(1)?;
        }
        if self.digits.is_empty() {
            (self.negative, self.exponent) = (false, 0);
        }
        Some(self)
    }

    /// Moves the point `places` to the right.
    pub(crate) fn shifted(mut self, places: u8) -> Option<Self> {
        self.exponent = self.exponent.checked_add(places.into())?;
        self.normal()
    }

    /// Tells whether nothing is left of the point's right.
    pub(crate) fn is_integer(&self) -> bool {
        self.exponent >= 0
    }

    pub(crate) fn negated(mut self) -> Self {
        self.negative = !self.negative && !self.digits.is_empty();
        self
    }

    /// The power of ten of the first digit, plus one.
    fn magnitude(&self) -> i64 {
        i64::from(self.exponent) + i64::try_from(self.digits.len()).unwrap_or(i64::MAX / 2)
    }

    fn compare_size(&self, other: &Self) -> Ordering {
        match (self.digits.is_empty(), other.digits.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => self
                .magnitude()
                .cmp(&other.magnitude())
                .then_with(|| self.digits.cmp(&other.digits)),
        }
    }

    /// Writes the digits out with the given exponent, which is not above the number's own.
    fn aligned(&self, exponent: i32) -> Option<Vec<u8>> {
        let zeros = usize::try_from(self.exponent.checked_sub(exponent)?).ok()?;
        let len = self.digits.len().checked_add(zeros).filter(|len| *len <= MAX_DIGITS)?;
        let mut digits = self.digits.clone();
        digits.resize(len, 0);
        Some(digits)
    }

    /// Adds exactly; `None` when the sum is too long.
    pub(crate) fn plus(&self, other: &Self) -> Option<Self> {
        if self.digits.is_empty() {
            return Some(other.clone());
        }
        if other.digits.is_empty() {
            return Some(self.clone());
        }
        let exponent = self.exponent.min(other.exponent);
        let (left, right) = (self.aligned(exponent)?, other.aligned(exponent)?);
        if self.negative == other.negative {
            return Self { negative: self.negative, digits: sum(&left, &right), exponent }.normal();
        }
        let (negative, digits) = match self.compare_size(other) {
            Ordering::Less => (other.negative, difference(&right, &left)),
            _ => (self.negative, difference(&left, &right)),
        };
        Self { negative, digits, exponent }.normal()
    }

    /// Multiplies exactly; `None` when the product is too long.
    pub(crate) fn times(&self, other: &Self) -> Option<Self> {
        let len = self.digits.len() + other.digits.len();
        if len > MAX_DIGITS {
            return None;
        }
        let mut digits = vec![0_u32; len];
        for (i, a) in self.digits.iter().enumerate().rev() {
            let mut carry = 0;
            for (j, b) in other.digits.iter().enumerate().rev() {
                let cell = &mut digits[i + j + 1];
                let value = *cell + u32::from(*a) * u32::from(*b) + carry;
                (*cell, carry) = (value % 10, value / 10);
            }
            digits[i] += carry;
        }
        let digits = digits.into_iter().filter_map(|d| u8::try_from(d).ok()).collect();
        let exponent = self.exponent.checked_add(other.exponent)?;
        Self { negative: self.negative != other.negative, digits, exponent }.normal()
    }

    /// Cuts off what is right of the point, towards zero.
    pub(crate) fn truncated(mut self) -> Option<Self> {
        if self.exponent < 0 {
            let cut = usize::try_from(self.exponent.unsigned_abs()).ok()?;
            self.digits.truncate(self.digits.len().saturating_sub(cut));
            self.exponent = 0;
        }
        self.normal()
    }

    /// Returns the JSON number; `None` when it is too long to be written out.
    pub(crate) fn to_number(&self) -> Option<Number> {
        Number::parse(&self.text()?)
    }

    fn text(&self) -> Option<String> {
        if self.digits.is_empty() {
            return Some("0".to_owned());
        }
        let sign = if self.negative { "-" } else { "" };
        let digits: String = self.digits.iter().map(|d| char::from(b'0' + d)).collect();
        let zeros = |count: i64| {
            let count = usize::try_from(count).ok().filter(|count| *count <= MAX_DIGITS);
            count.map(|count| "0".repeat(count))
        };
        let (len, magnitude) = (i64::try_from(digits.len()).ok()?, self.magnitude());
        if magnitude >= len {
            Some(format!("{sign}{digits}{}", zeros(magnitude - len)?))
        } else if magnitude > 0 {
            let (whole, fraction) = digits.split_at(usize::try_from(magnitude).ok()?);
            Some(format!("{sign}{whole}.{fraction}"))
        } else {
            Some(format!("{sign}0.{}{digits}", zeros(-magnitude)?))
        }
    }
}

/// Compares by value: `1.0` and `1` are equal.
impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, false) => self.compare_size(other),
            (true, true) => other.compare_size(self),
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Compares two JSON numbers by value, exactly.
pub(crate) fn compare(left: &Number, right: &Number) -> Ordering {
    if let (Some(left), Some(right)) = (left.as_i64(), right.as_i64()) {
        return left.cmp(&right);
    }
    match (Decimal::of(left), Decimal::of(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        _ => left.as_f64().total_cmp(&right.as_f64()),
    }
}

fn sum(left: &[u8], right: &[u8]) -> Vec<u8> {
    let len = left.len().max(right.len()) + 1;
    let digit =
        |digits: &[u8], at: usize| digits.len().checked_sub(at + 1).map_or(0, |i| digits[i]);
    let mut carry = 0;
    let mut digits: Vec<u8> = (0..len)
        .map(|at| {
            let value = digit(left, at) + digit(right, at) + carry;
            carry = value / 10;
            value % 10
        })
        .collect();
    digits.reverse();
    digits
}

/// `larger` minus `smaller`.
fn difference(larger: &[u8], smaller: &[u8]) -> Vec<u8> {
    let digit =
        |digits: &[u8], at: usize| digits.len().checked_sub(at + 1).map_or(0, |i| digits[i]);
    let mut borrow = 0;
    let mut digits: Vec<u8> = (0..larger.len())
        .map(|at| {
            let take = digit(smaller, at) + borrow;
            let have = digit(larger, at);
            borrow = u8::from(have < take);
            have + 10 * borrow - take
        })
        .collect();
    digits.reverse();
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    fn text(decimal: Option<Decimal>) -> String {
        decimal.and_then(|d| d.to_number()).map_or("none".into(), |n| n.to_string())
    }

    #[test]
    fn adds_and_subtracts_without_losing_a_digit() {
        let sum = |a: &str, b: &str| text(decimal(a).plus(&decimal(b)));
        assert_eq!(sum("0.1", "0.2"), "0.3");
        assert_eq!(sum("99999999999999999999999", "1"), "100000000000000000000000");
        assert_eq!(sum("1", "-1.000"), "0");
        assert_eq!(sum("-5", "3"), "-2");
        assert_eq!(sum("5", "-7.25"), "-2.25");
        assert_eq!(sum("1e400", "1"), "none");
    }

    #[test]
    fn multiplies_without_losing_a_digit() {
        let product = |a: &str, b: &str| text(decimal(a).times(&decimal(b)));
        assert_eq!(product("12345678901234567890", "98765432109876543210"), {
            "1219326311370217952237463801111263526900"
        });
        assert_eq!(product("-1.5", "0.02"), "-0.03");
        assert_eq!(product("0", "-7"), "0");
    }

    #[test]
    fn compares_by_value_across_notations() {
        let number = |text: &str| Number::parse(text).unwrap();
        let order = |a: &str, b: &str| compare(&number(a), &number(b));
        assert_eq!(order("1.0", "1"), Ordering::Equal);
        assert_eq!(order("1e3", "1000"), Ordering::Equal);
        assert_eq!(order("9007199254740993", "9007199254740992.5"), Ordering::Greater);
        assert_eq!(order("-1e400", "-1e399"), Ordering::Less);
        assert_eq!(order("-0", "0"), Ordering::Equal);
    }

    #[test]
    fn moves_the_point_and_sees_a_rest() {
        assert_eq!(text(decimal("12.34").shifted(2)), "1234");
        assert!(!decimal("12.345").shifted(2).unwrap().is_integer());
        assert_eq!(text(decimal("-7.9").truncated()), "-7");
    }

    #[test]
    fn refuses_what_is_not_a_number() {
        for wrong in ["", "-", ".", "1.", ".5", "1e", "1e99999999999", "0x10", "1_000", "٣"] {
            assert_eq!(Decimal::parse(wrong), None, "{wrong}");
        }
    }
}
