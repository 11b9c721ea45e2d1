//! Rows as DynamoDB's attributes, and conditions as its expressions.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize};

use crate::{Item, Start, When};

/// A value under the letter of its type: `{"S": "..."}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Typed {
    /// Text.
    S(String),
    /// A number, in digits.
    N(String),
}

/// A row, or the part of one that a key is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Attributes {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pk: Option<Typed>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sk: Option<Typed>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alt: Option<Typed>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rev: Option<Typed>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<Typed>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<Typed>,
}

/// Values that an expression mentions, by name.
pub(super) type Values = BTreeMap<&'static str, Typed>;

/// Writes a row as attributes.
pub(super) fn write(item: &Item) -> Attributes {
    Attributes {
        alt: item.alt.as_deref().map(text),
        rev: Some(number(&item.rev)),
        expires: item.expires.as_ref().map(number),
        body: Some(text(&item.body)),
        ..key(&item.pk, &item.sk)
    }
}

/// Reads a row from attributes. What is missing is empty.
pub(super) fn read(attributes: Attributes) -> Item {
    Item {
        pk: text_of(attributes.pk).unwrap_or_default(),
        sk: text_of(attributes.sk).unwrap_or_default(),
        alt: text_of(attributes.alt),
        rev: number_of(attributes.rev).unwrap_or_default(),
        expires: number_of(attributes.expires),
        body: text_of(attributes.body).unwrap_or_default(),
    }
}

/// Writes a key.
pub(super) fn key(pk: &str, sk: &str) -> Attributes {
    Attributes { pk: Some(text(pk)), sk: Some(text(sk)), ..Attributes::default() }
}

/// Writes where a query goes on.
pub(super) fn write_start(pk: &str, start: &Start) -> Attributes {
    Attributes { alt: start.alt.as_deref().map(text), ..key(pk, &start.sk) }
}

/// Reads where a query goes on.
pub(super) fn read_start(attributes: Attributes) -> Start {
    let sk = text_of(attributes.sk).unwrap_or_default();
    Start { sk, alt: text_of(attributes.alt) }
}

/// Writes a text.
pub(super) fn text(text: &str) -> Typed {
    Typed::S(text.to_owned())
}

fn number(number: &impl ToString) -> Typed {
    Typed::N(number.to_string())
}

fn text_of(value: Option<Typed>) -> Option<String> {
    match value? {
        Typed::S(text) => Some(text),
        Typed::N(_) => None,
    }
}

fn number_of<T: std::str::FromStr>(value: Option<Typed>) -> Option<T> {
    match value? {
        Typed::N(digits) => digits.parse().ok(),
        Typed::S(_) => None,
    }
}

/// A condition with the values it mentions.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Condition {
    /// The expression; `None` when nothing must hold.
    pub(super) expression: Option<Cow<'static, str>>,
    /// Its values; `None` when there is no expression, which DynamoDB insists on.
    pub(super) values: Option<Values>,
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
            When::Rev(rev) => Self::new(format!("{IS_ABSENT} OR rev = :rev"), Some(rev), now),
        }
    }

    fn new(expression: impl Into<Cow<'static, str>>, rev: Option<u64>, now: i64) -> Self {
        let mut values = Values::from([(":now", number(&now))]);
        values.extend(rev.map(|rev| (":rev", number(&rev))));
        Self { expression: Some(expression.into()), values: Some(values) }
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
        assert_eq!(read(write(&item)), item);
        let bare = Item { alt: None, expires: None, ..item };
        let attributes = serde_json::to_string(&write(&bare)).unwrap();
        assert!(!attributes.contains("alt") && !attributes.contains("expires"));
        assert_eq!(read(serde_json::from_str(&attributes).unwrap()), bare);
    }

    #[test]
    fn mentions_every_value_that_it_passes() {
        for when in [When::Always, When::Absent, When::Rev(7)] {
            for condition in [Condition::of(when, 9), Condition::of_removal(when, 9)] {
                let expression = condition.expression.unwrap_or_default();
                let values = condition.values.unwrap_or_default();
                assert!(values.keys().all(|name| expression.contains(name)));
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
