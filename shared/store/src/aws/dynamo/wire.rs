//! What is asked of DynamoDB, and what it answers
//! (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB.html>).

use std::{borrow::Cow, collections::HashMap};

use serde::{Deserialize, Serialize};

use super::attributes::{Attributes, Condition, Values};
use crate::aws::json::Protocol;

/// How DynamoDB is spoken to.
pub(super) const PROTOCOL: Protocol =
    Protocol { service: "dynamodb", target: "DynamoDB_20120810", version: "1.0" };

/// Says that a refusal shows the row that a condition failed on.
pub(super) const SHOW_ROW: Option<&str> = Some("ALL_OLD");

/// A row or its key, with what must hold of it: a write, a read, or a part of a transaction.
#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OnRow<'a> {
    pub(super) table_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) item: Option<Attributes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<Attributes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) condition_expression: Option<Cow<'static, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expression_attribute_values: Option<Values>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) return_values_on_condition_check_failure: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) consistent_read: Option<bool>,
}

impl<'a> OnRow<'a> {
    /// Addresses a table, under a condition.
    pub(super) fn of(table_name: &'a str, condition: Condition) -> Self {
        Self {
            table_name,
            condition_expression: condition.expression,
            expression_attribute_values: condition.values,
            ..Self::default()
        }
    }
}

/// Rows of one partition, by a range of their sort keys.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Ranged<'a> {
    pub(super) table_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) index_name: Option<&'static str>,
    pub(super) consistent_read: bool,
    pub(super) key_condition_expression: String,
    pub(super) expression_attribute_values: Values,
    pub(super) scan_index_forward: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) limit: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) exclusive_start_key: Option<Attributes>,
}

/// A write of a transaction.
#[derive(Serialize)]
pub(super) enum Part<'a> {
    Put(OnRow<'a>),
    Delete(OnRow<'a>),
    ConditionCheck(OnRow<'a>),
}

/// Writes that happen together or not at all.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Transaction<'a> {
    pub(super) transact_items: Vec<Part<'a>>,
    /// The same through all attempts, so that a lost answer does not make our own write look like somebody else's.
    pub(super) client_request_token: String,
}

/// Rows or keys of one table.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OfTable<'a, T> {
    pub(super) request_items: HashMap<&'a str, T>,
}

/// Keys of rows to read; in an answer, of those that were not read.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Keys {
    pub(super) keys: Vec<Attributes>,
    #[serde(default)]
    pub(super) consistent_read: bool,
}

/// A row to write; in an answer, one that was not written.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Request {
    pub(super) put_request: Put,
}

/// The row of a [`Request`].
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Put {
    pub(super) item: Attributes,
}

/// What is answered: each operation has its own part of it.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Answer {
    pub(super) item: Option<Attributes>,
    pub(super) items: Vec<Attributes>,
    pub(super) last_evaluated_key: Option<Attributes>,
    pub(super) responses: HashMap<String, Vec<Attributes>>,
    pub(super) unprocessed_keys: HashMap<String, Keys>,
    pub(super) unprocessed_items: HashMap<String, Vec<Request>>,
}

/// What is said of a refusal: the row that is in the way, or why each part of a transaction was not written.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Reasons {
    pub(super) item: Option<Attributes>,
    pub(super) cancellation_reasons: Vec<Reason>,
}

/// Why one part was not written.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Reason {
    pub(super) code: Option<String>,
}
