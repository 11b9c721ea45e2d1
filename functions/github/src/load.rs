//! Records as issues: made, changed and closed; one issue a key, found again by its marker.

use ferrule_connector::{Call, Disposition, Failure, Load, Object, Record, Value};
use ferrule_core::{Digest, definition::Mode};
use ferrule_store::is_older;

use crate::{
    GitHub,
    client::Client,
    known::{self, Known, Matter, Standing},
    markdown,
};

/// Columns that GitHub knows; a record's others are refused, so that a misspelt one is not lost.
const COLUMNS: [&str; 7] =
    ["title", "body", "state", "state_reason", "labels", "assignees", "milestone"];

const NO_ISSUE: &str = "there is no issue for";

/// Writes a batch, one record after the other.
pub(crate) async fn write(
    client: &Client<'_>,
    load: &Load<'_, GitHub>,
    done: &mut [Option<Disposition>],
) -> Result<(), Failure> {
    for (at, (record, done)) in load.records.iter().zip(done).enumerate() {
        if done.is_some() {
            continue;
        }
        *done = Some(match one(client, load, record, at).await {
            Ok(disposition) => disposition,
            Err(Failure::Rejected { reason, .. }) if is_about_one(&reason) => {
                refused("REJECTED", &reason)
            }
            Err(Failure::Invalid { code: "RECORD", reason }) => refused("RECORD", &reason),
            Err(failure) => return Err(failure),
        });
    }
    Ok(())
}

/// What GitHub may say about a single issue. Missing rights, a repository that is not there or has
/// its issues switched off are about all of them: the batch is parked.
fn is_about_one(reason: &str) -> bool {
    ["400", "409", "413", "422", NO_ISSUE].iter().any(|start| reason.starts_with(start))
}

fn refused(code: &str, message: &str) -> Disposition {
    Disposition::Refused { code: code.to_owned(), message: message.to_owned() }
}

async fn one(
    client: &Client<'_>,
    load: &Load<'_, GitHub>,
    record: &Record,
    at: usize,
) -> Result<Disposition, Failure> {
    let what = match (load.mode, &record.key) {
        // Each record of such a batch is an issue of its own.
        (Mode::Insert, _) => format!("insert {}", load.name_of(at)),
        (_, Some(key)) => format!("key {key}"),
        (_, None) => return Err(wrong("a record without key: name one under output.key")),
    };
    let matter = Matter::new(client, &load.target.repository, &what);
    let (number, known, rev) = match matter.standing().await? {
        Standing::New(rev) => (None, Known::default(), rev),
        Standing::There { number, known, rev } => (Some(number), known, Some(rev)),
    };
    if let (Some(version), Some(written)) = (&record.version, &known.version)
        && is_older(version, written)
    {
        return Ok(Disposition::Stale);
    }
    let is_gone = record.deleted || load.mode == Mode::Delete;
    match number {
        None if is_gone => Ok(Disposition::Unchanged),
        None if load.mode == Mode::Update => {
            Err(Failure::rejected("github", format!("{NO_ISSUE} {what}")))
        }
        None => create(client, load, record, (&matter, rev)).await,
        Some(number) => {
            let fields = if is_gone { closed() } else { fields(record, &matter)? };
            change(client, record, &matter, (number, &known), fields, is_gone).await
        }
    }
}

async fn create(
    client: &Client<'_>,
    load: &Load<'_, GitHub>,
    record: &Record,
    (matter, rev): (&Matter<'_>, Option<u64>),
) -> Result<Disposition, Failure> {
    let mut fields = fields(record, matter)?;
    if fields.get("title").is_none() {
        return Err(wrong("an issue needs a title"));
    }
    let written = digest(&fields);
    let wants_closed = fields.get("state").and_then(Value::as_str) == Some("closed");
    let state = [fields.remove("state"), fields.remove("state_reason")];
    for (key, list) in [("labels", &load.target.labels), ("assignees", &load.target.assignees)] {
        if fields.get(key).is_none() && !list.is_empty() {
            let list: Vec<Value> = list.iter().map(|one| Value::from(one.as_str())).collect();
            fields.insert(key, Value::from(list));
        }
    }
    matter.begin(rev).await?;
    let issue = client.write(Call::post(client.url(&["issues"])), fields).await?;
    let number = known::number(&issue)
        .ok_or_else(|| Failure::unavailable("github", "the new issue has no number"))?;
    let version = record.version.clone();
    let kept = Known { number: Some(number), version, ..Known::default() };
    matter.keep(&kept).await?;
    if wants_closed {
        let [state, reason] = state;
        let mut change = Object::new();
        change.insert("state", state.unwrap_or(Value::Null));
        if let Some(reason) = reason {
            change.insert("state_reason", reason);
        }
        patch(client, number, change).await?;
    }
    matter.keep(&Known { written: Some(written), ..kept }).await?;
    Ok(Disposition::Created)
}

async fn change(
    client: &Client<'_>,
    record: &Record,
    matter: &Matter<'_>,
    (number, known): (i64, &Known),
    fields: Object,
    is_gone: bool,
) -> Result<Disposition, Failure> {
    let written = digest(&fields);
    if known.written.as_deref() == Some(written.as_str()) {
        return Ok(Disposition::Unchanged);
    }
    patch(client, number, fields).await?;
    let version = record.version.clone();
    let written = Some(written);
    matter.keep(&Known { number: Some(number), written, version, ..Known::default() }).await?;
    Ok(if is_gone { Disposition::Deleted } else { Disposition::Updated })
}

async fn patch(client: &Client<'_>, number: i64, change: Object) -> Result<(), Failure> {
    let call = Call::patch(client.url(&["issues", &number.to_string()]));
    client.write(call, change).await.map(drop)
}

/// An issue cannot be deleted with a token; what is gone is closed.
fn closed() -> Object {
    let mut fields = Object::new();
    fields.insert("state", Value::from("closed"));
    fields.insert("state_reason", Value::from("not_planned"));
    fields
}

/// Returns what GitHub gets of a record.
fn fields(record: &Record, matter: &Matter<'_>) -> Result<Object, Failure> {
    let Value::Object(object) = &record.value else {
        return Err(wrong("a record must be an object with a title"));
    };
    let mut fields = Object::new();
    for (key, value) in object.iter() {
        let value = match (key, value) {
            (_, Value::Null) => continue,
            ("title", Value::String(text)) => Value::from(markdown::title(text)),
            ("body", Value::String(text)) => {
                Value::from(format!("{}\n\n{}", markdown::cut(text, 60_000), matter.marker()))
            }
            (known, value) if COLUMNS.contains(&known) => value.clone(),
            (unknown, _) => {
                let columns = COLUMNS.join(", ");
                return Err(wrong(&format!("an issue has no {unknown}; it has {columns}")));
            }
        };
        fields.insert(key, value);
    }
    if fields.get("body").is_none() {
        fields.insert("body", Value::from(matter.marker()));
    }
    Ok(fields)
}

fn digest(fields: &Object) -> String {
    Digest::of(&[Value::from(fields.clone()).to_string().as_bytes()]).to_string()
}

fn wrong(reason: &str) -> Failure {
    Failure::coded("RECORD", reason)
}
