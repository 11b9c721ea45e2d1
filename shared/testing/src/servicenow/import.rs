//! The Import Set API: rows go to a staging table, and a transform map carries them on.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    answer::Answer,
    rows::{Row, Tables},
    table::row_of,
};

/// What happens to the rows of a staging table.
#[derive(Debug, Clone, Default)]
pub struct Staging {
    /// The table that the transform map writes.
    pub target: String,
    /// A row with the same value in this field is updated instead of inserted.
    pub coalesce: Option<String>,
    /// Staging column to target field; columns that are not named here are lost.
    pub map: BTreeMap<String, String>,
    /// Target fields without which a row is an error.
    pub required: Vec<String>,
    /// `insertMultiple` transforms before it answers (an administrator's choice); otherwise rows
    /// are transformed while the next call comes in.
    pub synchronous: bool,
}

/// `POST /import/{staging}`: 201, whatever became of the row.
pub(super) fn insert(tables: &mut Tables, base: &str, staging: &str, body: &[u8]) -> Answer {
    let Some(values) = row_of(body) else {
        return Answer::failure(400, "Exception while reading request", "not a JSON object");
    };
    let set = tables.new_id();
    let row = stage(tables, staging, &set, &values);
    let result = transform(tables, staging, &row["sys_id"]);
    Answer::created(&json!({
        "import_set": format!("ISET{}", &set[..7]), "staging_table": staging,
        "result": [shown(base, &result)]
    }))
}

/// `POST /import/{staging}/insertMultiple`
pub(super) fn insert_many(tables: &mut Tables, staging: &str, body: &[u8]) -> Answer {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let Some(records) = body["records"].as_array() else {
        return Answer::failure(400, "Exception while reading request", "no records");
    };
    let (set, multi) = (tables.new_id(), tables.new_id());
    for record in records {
        if let Some(values) = row_of(record.to_string().as_bytes()) {
            stage(tables, staging, &set, &values);
        }
    }
    if tables.all[staging].staging.as_ref().is_some_and(|staging| staging.synchronous) {
        transform_pending(tables);
    }
    Answer::created(&json!({"import_set_id": set, "multi_import_set_id": multi}))
}

/// `GET /import/{staging}/{sys_id}`: 404 once staging rows are purged.
pub(super) fn read(tables: &Tables, base: &str, staging: &str, id: &str) -> Answer {
    let Some(row) = tables.all.get(staging).and_then(|table| table.rows.get(id)) else {
        return Answer::no_record();
    };
    Answer::ok(&json!({
        "import_set": row["sys_import_set"], "staging_table": staging, "result": [shown(base, row)]
    }))
}

/// Transforms every row that waits.
pub(super) fn transform_pending(tables: &mut Tables) {
    let pending: Vec<(String, String)> = tables
        .all
        .iter()
        .filter(|(_, table)| table.staging.is_some())
        .flat_map(|(name, table)| table.rows.values().map(move |row| (name, row)))
        .filter(|(_, row)| row["sys_import_state"] == "pending")
        .map(|(name, row)| (name.clone(), row["sys_id"].clone()))
        .collect();
    for (staging, id) in pending {
        transform(tables, &staging, &id);
    }
}

fn stage(tables: &mut Tables, staging: &str, set: &str, values: &Row) -> Row {
    let mut values = values.clone();
    values.insert("sys_import_set".into(), set.to_owned());
    values.insert("sys_import_state".into(), "pending".into());
    tables.insert(staging, &values)
}

fn transform(tables: &mut Tables, staging: &str, id: &str) -> Row {
    let table = &tables.all[staging];
    let (plan, row) = (table.staging.clone().unwrap_or_default(), table.rows[id].clone());
    let value = |(from, to): (&String, &String)| Some((to.clone(), row.get(from)?.clone()));
    let values: Row = plan.map.iter().filter_map(value).collect();
    let missing =
        plan.required.iter().find(|field| values.get(*field).is_none_or(String::is_empty));
    let (state, comment, target) = if let Some(field) = missing {
        ("error", format!("Data policy: {field} is mandatory"), String::new())
    } else {
        let (state, id) = write(tables, &plan, &values);
        (state, String::new(), id)
    };
    let outcome = [
        ("sys_import_state", state),
        ("sys_import_state_comment", &comment),
        ("sys_target_sys_id", &target),
        ("sys_target_table", &plan.target),
    ];
    let outcome: Row = outcome.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    tables.update(staging, id, &outcome).unwrap_or_default()
}

/// Inserts or, by the coalesce field, updates.
fn write(tables: &mut Tables, plan: &Staging, values: &Row) -> (&'static str, String) {
    let same = plan.coalesce.as_ref().and_then(|field| {
        let rows = tables.all.get(&plan.target)?.rows.values();
        rows.into_iter().find(|row| row.get(field) == values.get(field)).cloned()
    });
    let Some(before) = same else {
        return ("inserted", tables.insert(&plan.target, values)["sys_id"].clone());
    };
    let id = before["sys_id"].clone();
    let after = tables.update(&plan.target, &id, values);
    (if after.as_ref() == Some(&before) { "ignored" } else { "updated" }, id)
}

fn shown(base: &str, row: &Row) -> Value {
    let (table, id) = (&row["sys_target_table"], &row["sys_target_sys_id"]);
    let state = &row["sys_import_state"];
    if state == "error" {
        return json!({
            "transform_map": "Ferrule", "table": table, "status": "error",
            "error_message": row["sys_import_state_comment"]
        });
    }
    json!({
        "transform_map": "Ferrule", "table": table, "display_name": "number", "display_value": "",
        "record_link": format!("{base}/api/now/table/{table}/{id}"), "status": state, "sys_id": id
    })
}
