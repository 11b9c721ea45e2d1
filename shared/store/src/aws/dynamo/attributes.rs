//! Rows as DynamoDB's attributes, and conditions as its expressions.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::{Item, Start, When};

/// Attributes by name.
pub(super) type Attributes = HashMap<String, AttributeValue>;

/// Writes a row as attributes.
pub(super) fn write(item: Item) -> Attributes {
    let mut attributes = key(&item.pk, &item.sk);
    attributes.insert("rev".into(), AttributeValue::N(item.rev.to_string()));
    attributes.insert("body".into(), AttributeValue::S(item.body));
    if let Some(alt) = item.alt {
        attributes.insert("alt".into(), AttributeValue::S(alt));
    }
    if let Some(expires) = item.expires {
        attributes.insert("expires".into(), AttributeValue::N(expires.to_string()));
    }
    attributes
}

/// Reads a row from attributes. What is missing is empty.
pub(super) fn read(mut attributes: Attributes) -> Item {
    Item {
        pk: text(&mut attributes, "pk").unwrap_or_default(),
        sk: text(&mut attributes, "sk").unwrap_or_default(),
        alt: text(&mut attributes, "alt"),
        rev: number(&mut attributes, "rev").unwrap_or_default(),
        expires: number(&mut attributes, "expires"),
        body: text(&mut attributes, "body").unwrap_or_default(),
    }
}

/// Writes a key.
pub(super) fn key(pk: &str, sk: &str) -> Attributes {
    let attribute = |name: &str, key: &str| (name.to_owned(), AttributeValue::S(key.to_owned()));
    HashMap::from([attribute("pk", pk), attribute("sk", sk)])
}

/// Writes where a query goes on.
pub(super) fn write_start(pk: &str, start: &Start) -> Attributes {
    let mut attributes = key(pk, &start.sk);
    if let Some(alt) = &start.alt {
        attributes.insert("alt".into(), AttributeValue::S(alt.clone()));
    }
    attributes
}

/// Reads where a query goes on.
pub(super) fn read_start(mut attributes: Attributes) -> Start {
    let sk = text(&mut attributes, "sk").unwrap_or_default();
    Start { sk, alt: text(&mut attributes, "alt") }
}

fn text(attributes: &mut Attributes, name: &str) -> Option<String> {
    match attributes.remove(name) {
        Some(AttributeValue::S(text)) => Some(text),
        _ => None,
    }
}

fn number<T: std::str::FromStr>(attributes: &mut Attributes, name: &str) -> Option<T> {
    match attributes.remove(name) {
        Some(AttributeValue::N(number)) => number.parse().ok(),
        _ => None,
    }
}

/// A condition with the values it mentions.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Condition {
    /// The expression; `None` when nothing must hold.
    pub(super) expression: Option<String>,
    /// Its values; `None` when there is no expression, which DynamoDB insists on.
    pub(super) values: Option<Attributes>,
}

const IS_ABSENT: &str = "attribute_not_exists(pk) OR expires <= :now";
const IS_REV: &str = "rev = :rev AND (attribute_not_exists(expires) OR expires > :now)";

impl Condition {
    /// Returns what must hold of the row that is there.
    pub(super) fn of(when: When, now: i64) -> Self {
        match when {
            When::Always => Self::default(),
            When::Absent => Self::new(IS_ABSENT, None, now),
            When::Rev(rev) => Self::new(IS_REV, Some(rev), now),
        }
    }

    /// Returns what must hold for a removal to count as done: the row is absent already, or may go.
    pub(super) fn of_removal(when: When, now: i64) -> Self {
        match when {
            When::Always => Self::default(),
            When::Absent => Self::new(IS_ABSENT, None, now),
            When::Rev(rev) => Self::new(&format!("{IS_ABSENT} OR rev = :rev"), Some(rev), now),
        }
    }

    fn new(expression: &str, rev: Option<u64>, now: i64) -> Self {
        let now = AttributeValue::N(now.to_string());
        let mut values = HashMap::from([(":now".to_owned(), now)]);
        values.extend(rev.map(|rev| (":rev".to_owned(), AttributeValue::N(rev.to_string()))));
        Self { expression: Some(expression.to_owned()), values: Some(values) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_row_as_it_was_written() {
        let item = Item {
            pk: "acme#tickets".into(),
            sk: "INC1".into(),
            alt: Some("open#1".into()),
            rev: u64::MAX,
            expires: Some(-1),
            body: "{\"a\":\"\u{ffff}\"}".into(),
        };
        assert_eq!(read(write(item.clone())), item);
        let bare = Item { alt: None, expires: None, ..item };
        let attributes = write(bare.clone());
        assert!(!attributes.contains_key("alt") && !attributes.contains_key("expires"));
        assert_eq!(read(attributes), bare);
    }

    #[test]
    fn mentions_every_value_that_it_passes() {
        for when in [When::Always, When::Absent, When::Rev(7)] {
            for condition in [Condition::of(when, 9), Condition::of_removal(when, 9)] {
                let expression = condition.expression.unwrap_or_default();
                let values = condition.values.unwrap_or_default();
                assert!(values.keys().all(|name| expression.contains(name.as_str())));
                let mentioned = expression.contains(":rev");
                assert_eq!(mentioned, values.contains_key(":rev"));
            }
        }
    }

    #[test]
    fn goes_on_where_a_page_ended() {
        let start = Start { sk: "a".into(), alt: Some("b".into()) };
        assert_eq!(read_start(write_start("acme", &start)), start);
    }
}
