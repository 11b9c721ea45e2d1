//! Writes records through a staging table: the instance's transform map carries them on.
//!
//! A transform map that coalesces on the key is a true upsert, so a repeat does no harm. The
//! status of the answer says nothing about a row: its own `status` does.

use std::{collections::HashMap, time::Duration};

use ferrule_connector::{Call, Disposition, Failure, Load, Object, Value};
use ferrule_core::definition::Mode;
use ferrule_store::{Item, Table, When};

use crate::{
    ServiceNow,
    client::{Client, take},
    fields::Cache,
    load::check_names,
    outgoing::{Outgoing, object, prepare, refused},
    pace::Pace,
    text::{flat, stored},
};

/// How long the instance is given to transform before it is asked again, before scaling.
const PATIENCE: Duration = Duration::from_secs(15);

/// What is known of an import set is kept this long.
const KEEP_SECS: i64 = 86_400;

/// Writes what is not done yet, a call a record.
pub(crate) async fn each(
    load: &Load<'_, ServiceNow>,
    done: &mut [Option<Disposition>],
    cache: &Cache,
) -> Result<(), Failure> {
    let (client, outgoing) = start(load, done, cache).await?;
    let mut pace = Pace::start(load);
    for (at, out) in &outgoing {
        pace.check(done)?;
        pace.note(*at, done, one(&client, load, out).await)?;
    }
    pace.finish().map_or(Ok(()), Err)
}

async fn one(
    client: &Client<'_>,
    load: &Load<'_, ServiceNow>,
    out: &Outgoing,
) -> Result<Disposition, Failure> {
    let url = client.url("import", &[&load.target.table])?;
    let Some(result) = client.write(Call::post(url).json(&object(&out.values))).await? else {
        return Ok(Disposition::Unchanged);
    };
    let rows: Vec<&Object> =
        result.as_array().unwrap_or_default().iter().filter_map(Value::as_object).collect();
    let outcomes = rows.into_iter().map(|row| {
        let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
        let words = [text("error_message"), text("status_message")];
        outcome(text("status"), words.into_iter().find(|text| !text.is_empty()).unwrap_or_default())
    });
    Ok(outcomes.reduce(worse).unwrap_or_else(|| {
        refused("NO_TRANSFORM_MAP", "the staging table has no active transform map")
    }))
}

/// Writes what is not done yet in one call, and reads from the staging table what became of it.
pub(crate) async fn many(
    load: &Load<'_, ServiceNow>,
    done: &mut [Option<Disposition>],
    cache: &Cache,
) -> Result<(), Failure> {
    let (client, outgoing) = start(load, done, cache).await?;
    if outgoing.is_empty() {
        return Ok(());
    }
    let set = match sent_before(load).await? {
        Some(set) => set,
        None => send(&client, load, &outgoing).await?,
    };
    let found = staged(&client, load, &set).await?;
    let mut is_waiting = false;
    for (at, out) in &outgoing {
        match found.get(&out.key).map(|(state, comment)| (state.as_str(), comment.as_str())) {
            None | Some(("" | "pending", _)) => is_waiting = true,
            Some((state, comment)) => done[*at] = Some(outcome(state, comment)),
        }
    }
    if is_waiting {
        let reason = format!("{} is still being transformed", load.target.table);
        return Err(Failure::Deferred { reason, wait: load.context.store.scaled(PATIENCE) });
    }
    Ok(())
}

async fn start<'a>(
    load: &'a Load<'_, ServiceNow>,
    done: &mut [Option<Disposition>],
    cache: &Cache,
) -> Result<(Client<'a>, Vec<(usize, Outgoing)>), Failure> {
    if load.mode != Mode::Upsert {
        return Err(Failure::invalid("an import set can only upsert: its transform map decides"));
    }
    let client = Client::new(&load.context, load.rules)?;
    let fields = check_names(&client, load, cache).await?;
    for (record, one) in load.records.iter().zip(&mut *done) {
        if record.deleted && one.is_none() {
            *one = Some(refused("DELETES_OFF", "an import set cannot remove records"));
        }
    }
    let outgoing = prepare(load, done, &fields);
    Ok((client, outgoing))
}

/// Returns the import set of an earlier delivery of this batch.
async fn sent_before(load: &Load<'_, ServiceNow>) -> Result<Option<String>, Failure> {
    let (pk, sk) = key(load);
    let row = load.context.store.tables.get(Table::State, &pk, &sk).await?;
    row.map(|row| row.read()).transpose()
}

async fn send(
    client: &Client<'_>,
    load: &Load<'_, ServiceNow>,
    outgoing: &[(usize, Outgoing)],
) -> Result<String, Failure> {
    let records: Vec<Value> = outgoing.iter().map(|(_, out)| object(&out.values)).collect();
    let body: Value = Object::from_iter([("records", Value::from(records))]).into();
    let url = client.url("import", &[&load.target.table, "insertMultiple"])?;
    let answer = client.send(Call::post(url).json(&body)).await?;
    let set = take(answer.json()?, "import_set_id");
    let set = set.as_ref().and_then(Value::as_str).map(str::to_owned);
    let set = set.ok_or_else(|| answer.unreadable("the answer has no import_set_id"))?;
    let store = load.context.store;
    let (pk, sk) = key(load);
    let row = Item::new(pk, sk, &set)?.with_expiry(store.clock.now_secs() + KEEP_SECS);
    store.tables.put(Table::State, row, When::Always).await?;
    Ok(set)
}

fn key(load: &Load<'_, ServiceNow>) -> (String, String) {
    let context = &load.context;
    let sk = format!("servicenow#import#{}#{}", context.connection, load.batch_id);
    (context.tenant.to_string(), sk)
}

/// Reads state and comment of each staged row, by key.
async fn staged(
    client: &Client<'_>,
    load: &Load<'_, ServiceNow>,
    set: &str,
) -> Result<HashMap<String, (String, String)>, Failure> {
    let key_field = &load.target.key_field;
    let query = format!("sys_import_set={set}^ORDERBYsys_id");
    let fields = format!("{key_field},sys_import_state,sys_import_state_comment");
    let parameters = [
        ("sysparm_query", query.as_str()),
        ("sysparm_fields", &fields),
        ("sysparm_exclude_reference_link", "true"),
        ("sysparm_no_count", "true"),
    ];
    let rows = client.list(&load.target.table, &parameters).await?.rows;
    let row = |row: Object| {
        let row = flat(row);
        let text = |name: &str| Some(stored(row.get(name)?)?.to_owned());
        let comment = text("sys_import_state_comment").unwrap_or_default();
        Some((text(key_field)?, (text("sys_import_state")?, comment)))
    };
    Ok(rows.into_iter().filter_map(row).collect())
}

/// Reads the status of one row.
fn outcome(status: &str, words: &str) -> Disposition {
    match status {
        "inserted" => Disposition::Created,
        "updated" => Disposition::Updated,
        "ignored" => Disposition::Unchanged,
        "skipped" => refused("IMPORT_SKIPPED", &format!("the transform map skipped it: {words}")),
        other => refused("IMPORT_ERROR", &format!("the transform ended in {other}: {words}")),
    }
}

/// Several transform maps give several outcomes: a refusal counts most, then a change.
fn worse(a: Disposition, b: Disposition) -> Disposition {
    let rank = |one: &Disposition| match one {
        Disposition::Refused { .. } => 3,
        Disposition::Created => 2,
        Disposition::Updated => 1,
        _ => 0,
    };
    if rank(&b) > rank(&a) { b } else { a }
}
