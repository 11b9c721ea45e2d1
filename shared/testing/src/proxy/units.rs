//! DynamoDB's units, by the size of rows as its developer guide has it: names and values in bytes, a unit
//! is 1 KiB written, 4 KiB read consistently, twice that otherwise; a transaction costs twice as much.
//!
//! Of what is overwritten or removed the size is not known: it is taken for the same, and for one unit.

use serde_json::Value;

/// The attribute that an index goes by: a row that has it is written to the index too.
const INDEXED: &str = "alt";

/// The table whose index holds keys alone, and how a write says that it replaces a row: what the index holds
/// of it stays.
const LEAN: &str = "-synclog";
const REPLACES: &str = "rev = ";

/// Returns read and write units of a call.
pub(super) fn of(operation: &str, asked: &Value, answered: &Value) -> (f64, f64) {
    let consistency = if asked["ConsistentRead"].as_bool() == Some(true) { 1.0 } else { 0.5 };
    match operation {
        "GetItem" => (read(size(&answered["Item"])) * consistency, 0.0),
        "Query" => (read(list(&answered["Items"]).map(size).sum()) * consistency, 0.0),
        "BatchGetItem" => (batch_read(asked, answered), 0.0),
        "PutItem" => (0.0, put(asked)),
        "DeleteItem" | "UpdateItem" => (0.0, 1.0),
        "BatchWriteItem" => {
            let requests = asked["RequestItems"].as_object().into_iter().flatten();
            let requests = requests.flat_map(|(_, requests)| list(requests));
            (0.0, requests.map(|request| write(&request["PutRequest"]["Item"])).sum())
        }
        "TransactWriteItems" => {
            let writes = list(&asked["TransactItems"]).map(|part| put(&part["Put"]));
            (0.0, 2.0 * writes.sum::<f64>())
        }
        _ => (0.0, 0.0),
    }
}

fn batch_read(asked: &Value, answered: &Value) -> f64 {
    let tables = answered["Responses"].as_object().into_iter().flatten();
    let rows = tables.flat_map(|(table, rows)| {
        let consistent = &asked["RequestItems"][table]["ConsistentRead"];
        let share = if consistent.as_bool() == Some(true) { 1.0 } else { 0.5 };
        list(rows).map(move |row| read(size(row)) * share)
    });
    rows.sum()
}

fn read(bytes: u64) -> f64 {
    units(bytes, 4096)
}

/// Of a put with its table and condition. An absent one is a removal or a check.
fn put(put: &Value) -> f64 {
    let says = |key: &str| put[key].as_str().unwrap_or_default();
    let is_lean = says("TableName").ends_with(LEAN);
    if is_lean && says("ConditionExpression").starts_with(REPLACES) {
        return units(size(&put["Item"]), 1024);
    }
    write(&put["Item"])
}

/// An absent row is a removal: one unit.
fn write(row: &Value) -> f64 {
    let copies = if row.get(INDEXED).is_some() { 2.0 } else { 1.0 };
    units(size(row), 1024) * copies
}

#[expect(clippy::cast_precision_loss, reason = "units of a call are few")]
fn units(bytes: u64, unit: u64) -> f64 {
    bytes.div_ceil(unit).max(1) as f64
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Returns the size of a row: names and values.
fn size(row: &Value) -> u64 {
    let attributes = row.as_object().into_iter().flatten();
    attributes.map(|(name, value)| name.len() as u64 + of_value(value)).sum()
}

fn of_value(value: &Value) -> u64 {
    let Some((kind, value)) = value.as_object().and_then(|typed| typed.iter().next()) else {
        return 0;
    };
    match (kind.as_str(), value) {
        ("N", Value::String(digits)) => digits.len().div_ceil(2) as u64 + 1,
        ("B", Value::String(text)) => text.len() as u64 * 3 / 4,
        (_, Value::String(text)) => text.len() as u64,
        ("L", Value::Array(items)) => 3 + items.iter().map(|item| 1 + of_value(item)).sum::<u64>(),
        ("M", nested) => 3 + size(nested),
        _ => 1,
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "halves and whole numbers are exact")]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(bytes: usize) -> Value {
        // `pk` and `body` are six bytes of names, `t` one of a value.
        json!({"pk": {"S": "t"}, "body": {"S": "x".repeat(bytes - 7)}})
    }

    #[test]
    fn a_unit_is_one_kibibyte_written_and_four_read() {
        let put = |bytes| of("PutItem", &json!({"Item": row(bytes)}), &Value::Null).1;
        assert_eq!([put(10), put(1024), put(1025)], [1.0, 1.0, 2.0]);
        let read = |ask: Value, bytes| of("GetItem", &ask, &json!({"Item": row(bytes)})).0;
        assert_eq!(read(json!({"ConsistentRead": true}), 4097), 2.0);
        assert_eq!(read(json!({}), 4096), 0.5);
        assert_eq!(of("GetItem", &json!({}), &json!({})).0, 0.5, "nothing there is read too");
    }

    #[test]
    fn an_index_is_written_too_and_a_transaction_twice() {
        let indexed = json!({"pk": {"S": "t"}, "alt": {"S": "a"}});
        assert_eq!(of("PutItem", &json!({"Item": indexed}), &Value::Null).1, 2.0);
        let parts = json!({"TransactItems": [{"Put": {"Item": indexed}}, {"Delete": {}}]});
        assert_eq!(of("TransactWriteItems", &parts, &Value::Null).1, 6.0);
    }

    #[test]
    fn an_index_of_keys_is_written_once_a_row() {
        let ask = |condition: &str| {
            let item = json!({"pk": {"S": "t"}, "alt": {"S": "a"}});
            json!({"TableName": "hub-synclog", "Item": item, "ConditionExpression": condition})
        };
        let put = |ask: &Value| of("PutItem", ask, &Value::Null).1;
        assert_eq!(put(&ask("attribute_not_exists(pk)")), 2.0);
        assert_eq!(put(&ask("rev = :rev")), 1.0);
    }

    #[test]
    fn what_is_read_together_is_rounded_up_once_and_what_is_listed_by_row() {
        let rows = json!([row(1000), row(1000), row(1000)]);
        assert_eq!(of("Query", &json!({}), &json!({"Items": rows})).0, 0.5);
        let ask = json!({"RequestItems": {"state": {"ConsistentRead": true}}});
        assert_eq!(of("BatchGetItem", &ask, &json!({"Responses": {"state": rows}})).0, 3.0);
        let puts = json!({"RequestItems": {"records": [{"PutRequest": {"Item": row(1025)}}]}});
        assert_eq!(of("BatchWriteItem", &puts, &Value::Null).1, 2.0);
    }
}
