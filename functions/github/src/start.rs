//! A notification that starts something: the workflows that listen for an event, or one workflow.

use ferrule_connector::{Call, Failure, Notify, Object, Receipt, Value};
use ferrule_core::{Notification, template::Template};

use crate::{GitHub, client::Client, markdown::cut};

/// What an input may name beside the record's own fields.
const NOTIFICATION_ID: &str = "notification_id";

/// GitHub's limits.
const MAX_EVENT_TYPE: usize = 100;
const MAX_INPUTS: usize = 25;
const MAX_INPUT_CHARS: usize = 60_000;

/// Starts the workflows that listen for a `repository_dispatch`.
pub(crate) async fn repository(
    client: &Client<'_>,
    notify: &Notify<'_, GitHub>,
) -> Result<Receipt, Failure> {
    let note = notify.notification;
    let kind = notify.target.event_type.as_deref().unwrap_or(&note.kind);
    let mut body = Object::new();
    body.insert("event_type", Value::from(cut(kind, MAX_EVENT_TYPE)));
    body.insert("client_payload", payload(note)?);
    let call = Call::post(client.url(&["dispatches"])).json(&Value::from(body));
    client.send(call).await?;
    Ok(Receipt { reference: Some(note.id.clone()), url: None })
}

/// Starts one workflow; the receipt names its run.
pub(crate) async fn workflow(
    client: &Client<'_>,
    notify: &Notify<'_, GitHub>,
) -> Result<Receipt, Failure> {
    let target = notify.target;
    let workflow = target.workflow.as_deref().ok_or_else(|| {
        Failure::coded("SETTINGS", "through: workflow needs workflow, such as deploy.yml")
    })?;
    if notify.again
        && let Some(run) = earlier_run(client, workflow, notify.notification).await?
    {
        return Ok(run);
    }
    let mut body = Object::new();
    body.insert("ref", Value::from(target.reference.as_deref().unwrap_or("main")));
    body.insert("inputs", inputs(notify)?);
    body.insert("return_run_details", Value::from(true));
    let steps = ["actions", "workflows", workflow, "dispatches"];
    let answer = client.send(Call::post(client.url(&steps)).json(&Value::from(body))).await?;
    // A server that does not know return_run_details answers 204 without a body.
    let details = if answer.status == 204 { Value::Null } else { answer.json()? };
    let reference = details.get("workflow_run_id").map(Value::to_string);
    let url = details.get("html_url").and_then(Value::as_str).map(str::to_owned);
    Ok(Receipt { reference, url })
}

/// At most ten keys at the top: what else there is stands in `record`.
fn payload(note: &Notification) -> Result<Value, Failure> {
    let mut payload = Object::new();
    for (key, text) in [
        ("id", note.id.as_str()),
        ("type", note.kind.as_str()),
        ("subject", note.subject.as_str()),
        ("title", note.title.as_str()),
    ] {
        payload.insert(key, Value::from(text));
    }
    let urgency = Value::of(&note.urgency).map_err(|e| Failure::invalid(e.to_string()))?;
    payload.insert("urgency", urgency);
    payload.insert("at", Value::from(note.at));
    if note.digest.is_empty() {
        payload.insert("record", note.record.clone());
    } else {
        let records = note.digest.iter().map(|one| one.record.clone()).collect::<Vec<_>>();
        payload.insert("records", Value::from(records));
    }
    Ok(Value::from(payload))
}

fn inputs(notify: &Notify<'_, GitHub>) -> Result<Value, Failure> {
    let given = &notify.target.inputs;
    if given.len() > MAX_INPUTS {
        let reason = format!("a workflow has at most {MAX_INPUTS} inputs, not {}", given.len());
        return Err(Failure::coded("SETTINGS", reason));
    }
    let mut inputs = Object::new();
    let mut record = notify.notification.record.clone();
    if let Value::Object(object) = &mut record {
        object.insert(NOTIFICATION_ID, Value::from(notify.notification.id.as_str()));
    }
    for (name, text) in given {
        let wrong = |error: String| Failure::coded("SETTINGS", format!("input {name}: {error}"));
        let template = Template::compile(text).map_err(wrong)?;
        let text = template.render(&record).map_err(wrong)?;
        inputs.insert(name.as_str(), Value::from(cut(&text, MAX_INPUT_CHARS)));
    }
    Ok(Value::from(inputs))
}

/// Finds a run that an earlier attempt started: one whose name holds the notification's id, which
/// the workflow's `run-name` can take from an input.
async fn earlier_run(
    client: &Client<'_>,
    workflow: &str,
    note: &Notification,
) -> Result<Option<Receipt>, Failure> {
    let mut call = Call::get(client.url(&["actions", "workflows", workflow, "runs"]));
    for (name, value) in [("event", "workflow_dispatch"), ("per_page", "50")] {
        call = call.query(name, value);
    }
    let body = client.send(call).await?.json()?;
    let Some(Value::Array(runs)) = body.get("workflow_runs") else { return Ok(None) };
    let is_ours = |run: &&Value| {
        let name = run.get("display_title").and_then(Value::as_str);
        name.is_some_and(|name| name.contains(&note.id))
    };
    Ok(runs.iter().find(is_ours).map(|run| Receipt {
        reference: run.get("id").map(Value::to_string),
        url: run.get("html_url").and_then(Value::as_str).map(str::to_owned),
    }))
}
