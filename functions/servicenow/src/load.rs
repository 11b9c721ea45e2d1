//! Writes records by the Table API: looks up many by key, then inserts or updates one by one.
//!
//! An insert has no idempotency key. So every delivery begins by looking: a record whose earlier
//! acknowledgement was lost is found there, the same, and left alone.

use ferrule_connector::{Call, Disposition, Failure, Load, Object, Record, Value};
use ferrule_core::definition::Mode;

use crate::{
    ServiceNow, Target,
    client::Client,
    fields::{Cache, Fields},
    lookup::{Known, Row},
    outgoing::{Outgoing, object, prepare, refused},
    pace::Pace,
};

/// A record was created and cannot be found again by its key.
const KEY_NOT_KEPT: &str = "KEY_NOT_KEPT";

/// Most passes over one batch in one delivery.
const PASSES: usize = 3;

/// Writes what is not done yet.
///
/// What failed while its neighbours succeeded is looked up and tried again at once; a pass without
/// any success ends the delivery, and the queue waits.
pub(crate) async fn write(
    load: &Load<'_, ServiceNow>,
    done: &mut [Option<Disposition>],
    cache: &Cache,
) -> Result<(), Failure> {
    let client = Client::new(&load.context, load.rules)?;
    let fields = check_names(&client, load, cache).await?;
    let names = names(load);
    let mut outgoing = prepare(load, done, &fields);
    let mut passes = 1;
    while let Some(failure) = pass(&client, load, done, &outgoing, &names).await? {
        let open = outgoing.len();
        outgoing.retain(|(at, _)| done[*at].is_none());
        if passes == PASSES || outgoing.len() == open {
            return Err(failure);
        }
        passes += 1;
    }
    Ok(())
}

/// Looks, then writes each record. Returns the failure of those that are open after it, and fails
/// when going on makes no sense.
async fn pass(
    client: &Client<'_>,
    load: &Load<'_, ServiceNow>,
    done: &mut [Option<Disposition>],
    outgoing: &[(usize, Outgoing)],
    names: &[&str],
) -> Result<Option<Failure>, Failure> {
    let keys: Vec<&str> = outgoing.iter().map(|(_, out)| out.key.as_str()).collect();
    let mut known = Known::find(client, load.target, &keys, names).await?;
    let mut pace = Pace::start(load);
    for (at, out) in outgoing {
        pace.check(done)?;
        let outcome = one(client, load, &load.records[*at], out, &mut known).await;
        if matches!(outcome, Err(Failure::Unavailable { .. })) {
            known.doubt(&out.key);
        }
        pace.note(*at, done, outcome)?;
        if matches!(&done[*at], Some(Disposition::Refused { code, .. }) if code == KEY_NOT_KEPT) {
            let field = &load.target.key_field;
            let why = "is it read-only for the user? Records would be created again and again";
            return Err(Failure::coded(KEY_NOT_KEPT, format!("{field} did not take a key: {why}")));
        }
    }
    Ok(pace.finish())
}

/// Lists every field that is written.
fn names<'l>(load: &Load<'l, ServiceNow>) -> Vec<&'l str> {
    let objects = load.records.iter().filter_map(|record| record.value.as_object());
    let mut names: Vec<&str> = objects.flat_map(Object::iter).map(|(name, _)| name).collect();
    names.push(&load.target.key_field);
    names.extend(load.target.version_field.as_deref());
    names.sort_unstable();
    names.dedup();
    names
}

pub(crate) async fn check_names(
    client: &Client<'_>,
    load: &Load<'_, ServiceNow>,
    cache: &Cache,
) -> Result<std::sync::Arc<Fields>, Failure> {
    cache.checked(client, &load.target.table, &names(load)).await
}

async fn one(
    client: &Client<'_>,
    load: &Load<'_, ServiceNow>,
    record: &Record,
    out: &Outgoing,
    known: &mut Known,
) -> Result<Disposition, Failure> {
    let target = load.target;
    let there = match known.of(&out.key) {
        Row::Missing => None,
        Row::One(row) => Some(row),
        Row::Many(count) => {
            let text = format!("{count} records there have the key {:?}", out.key);
            return Ok(refused("KEY_AMBIGUOUS", &text));
        }
        Row::Unsure => {
            let why = "an earlier write of the same key has no answer yet";
            return Err(Failure::unavailable(load.context.connection.as_str(), why));
        }
        Row::Hidden => {
            let text = format!("a record with the key {:?} is hidden by an ACL", out.key);
            return Ok(refused("HIDDEN", &text));
        }
    };
    if record.deleted && !target.deletes && load.mode != Mode::Delete {
        return Ok(refused(
            "DELETES_OFF",
            "it is gone at the source; the target has deletes: false",
        ));
    }
    let removes = record.deleted || load.mode == Mode::Delete;
    match (load.mode, there) {
        (_, None) if removes => Ok(Disposition::Unchanged),
        (_, Some(row)) if removes => remove(client, target, &row.sys_id, &out.key, known).await,
        (Mode::Update, None) => Ok(refused("NOT_FOUND", "there is no record with this key")),
        (_, None) => insert(client, target, out, known).await,
        (_, Some(row)) if row.is_newer(target, out) => Ok(Disposition::Stale),
        (_, Some(row)) if row.has(&out.values) => Ok(Disposition::Unchanged),
        (Mode::Insert, Some(_)) => Ok(refused("EXISTS", "another record has this key already")),
        (_, Some(row)) => {
            let (id, changed) = (row.sys_id.clone(), row.differences(&out.values));
            update(client, target, &id, out, &changed, known).await
        }
    }
}

async fn insert(
    client: &Client<'_>,
    target: &Target,
    out: &Outgoing,
    known: &mut Known,
) -> Result<Disposition, Failure> {
    let answer = client
        .write(
            Call::post(client.url("table", &[&target.table])?)
                .query("sysparm_fields", &format!("sys_id,{}", target.key_field))
                .query("sysparm_exclude_reference_link", "true")
                .json(&object(&out.values)),
        )
        .await?;
    let Some(answer) = answer else { return Ok(Disposition::Unchanged) };
    let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
    let (id, field) = (text("sys_id"), &target.key_field);
    if text(field) != out.key {
        let why = format!("it was created as {id}, but {field} did not take its key");
        return Ok(refused(KEY_NOT_KEPT, &why));
    }
    known.put(&out.key, id, &out.values);
    Ok(Disposition::Created)
}

async fn update(
    client: &Client<'_>,
    target: &Target,
    id: &str,
    out: &Outgoing,
    changed: &[(String, String)],
    known: &mut Known,
) -> Result<Disposition, Failure> {
    let call = Call::patch(client.url("table", &[&target.table, id])?)
        .query("sysparm_fields", "sys_id")
        .json(&object(changed));
    client.write(call).await?;
    known.put(&out.key, id, &out.values);
    Ok(Disposition::Updated)
}

async fn remove(
    client: &Client<'_>,
    target: &Target,
    id: &str,
    key: &str,
    known: &mut Known,
) -> Result<Disposition, Failure> {
    let url = client.url("table", &[&target.table, id])?;
    // Gone already: an earlier delivery did it, and its answer was lost.
    client.send(Call::delete(url).accept(404)).await?;
    known.forget(key);
    Ok(Disposition::Deleted)
}
