//! Takes one delivery: find, verify, recognise a repeat, send, answer.

use std::time::Duration;

use axum::{
    body::Bytes,
    extract::{
        Path, State,
        rejection::{BytesRejection, PathRejection},
    },
};
use ferrule_core::{
    Batch, Counts, Digest, Failure, Message, Name, Progress, Record, Run, RunId, RunState, Task,
    Tenant, Timings, Value,
    definition::{Integration, Trigger, WebhookTrigger},
    path,
    recipe::{MAX_WEBHOOK_BYTES, Recipe},
};
use ferrule_store::{Claim, Delivery, Store, Stored, envelope_of};
use http::{HeaderMap, header};
use tracing::{Instrument, error, info_span, warn};

use crate::{
    body::{self, Unreadable},
    reply::Reply,
    secret,
    verify::{Proof, verify},
};

/// A delivery is recognised this long.
const REMEMBER: Duration = Duration::from_hours(72);

/// Whose secrets these are in Secrets Manager.
const OWNER: &str = "ingest";

/// Answers `POST /webhooks/{tenant}/{integration}`.
pub(crate) async fn receive(
    State(store): State<Store>,
    path: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Reply {
    // The hub's own limit comes first, so that it tells nothing about what is there.
    let Ok(body) = body else { return Reply::TooLarge(MAX_WEBHOOK_BYTES) };
    let Ok(Path((tenant, name))) = path else { return Reply::Unauthorized };
    let (Ok(tenant), Ok(name)) = (Tenant::new(tenant), Name::new(name)) else {
        return Reply::Unauthorized;
    };
    let span = info_span!("webhook", %tenant, integration = %name);
    take(&store, &tenant, &name, &headers, &body).instrument(span).await.unwrap_or_else(|failure| {
        error!(code = failure.code(), %failure, "could not take a delivery");
        Reply::Unavailable
    })
}

async fn take(
    store: &Store,
    tenant: &Tenant,
    name: &Name,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Reply, Failure> {
    let Some(stored) = store.integration(tenant, name).await? else {
        return Ok(refused("unknown"));
    };
    let Some(Trigger::Webhook(trigger)) = &stored.definition.trigger else {
        return Ok(refused("no webhook"));
    };
    let Some((recipe, keys)) = trust(store, tenant, name, trigger).await? else {
        return Ok(Reply::Unauthorized);
    };
    let proof = match verify(&recipe, &keys, headers, body, store.clock.now_secs()) {
        Ok(proof) => proof,
        Err(why) => return Ok(refused(why.reason())),
    };
    if body.len() > trigger.body_limit() {
        return Ok(Reply::TooLarge(trigger.body_limit()));
    }
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let value = match body::read(content_type, body) {
        Ok(value) => value,
        Err(Unreadable::MediaType) => return Ok(Reply::MediaType),
        Err(Unreadable::Content(why)) => {
            warn!("a verified delivery cannot be read");
            return Ok(Reply::Unreadable(why));
        }
    };
    let delivery = Delivery { integration: name.clone(), id: id_of(&recipe, &proof, &value, body) };
    send_once(store, tenant, &stored, delivery, value).await.map(Reply::Accepted)
}

fn refused(reason: &'static str) -> Reply {
    warn!(reason, "webhook refused");
    Reply::Unauthorized
}

/// Returns how deliveries are verified and with which keys; `None` when that is not set up.
async fn trust(
    store: &Store,
    tenant: &Tenant,
    name: &Name,
    trigger: &WebhookTrigger,
) -> Result<Option<(Recipe, Vec<secret::Key>)>, Failure> {
    let recipe = match Recipe::of(trigger) {
        Ok(recipe) => recipe,
        Err(problems) => {
            let problem = problems.first().map(ToString::to_string).unwrap_or_default();
            error!(problem, "the webhook's recipe is unusable");
            return Ok(None);
        }
    };
    let owner = Name::new(OWNER).map_err(|e| Failure::invalid(e.to_string()))?;
    let Some(secret) = store.secrets.read(&owner, tenant, name, false).await? else {
        error!("the webhook has no secret");
        return Ok(None);
    };
    match secret::keys(&secret, recipe.secret) {
        Ok(keys) => Ok(Some((recipe, keys))),
        Err(problem) => {
            error!(problem, "the webhook's secret is unusable");
            Ok(None)
        }
    }
}

/// Returns what tells this delivery from every other, on every attempt the same.
fn id_of(recipe: &Recipe, proof: &Proof<'_>, value: &Value, body: &[u8]) -> Digest {
    if let Some(id) = proof.id {
        return Digest::of(&[b"header", id.as_bytes()]);
    }
    let path = recipe.id_field.as_deref().and_then(|path| path::Path::parse(path).ok());
    let field = path.as_ref().and_then(|path| path.find(value)).filter(|value| !value.is_null());
    match field {
        Some(id) => Digest::of(&[b"field", id.to_string().as_bytes()]),
        None => Digest::of(&[b"body", proof.timestamp.unwrap_or_default().as_bytes(), body]),
    }
}

/// Puts the delivery on its way once; a repeat gets the same run.
///
/// Claim, send, note as sent: a process that dies on the way leaves a claim that is not sent, and
/// the sender, who got no answer, repeats.
async fn send_once(
    store: &Store,
    tenant: &Tenant,
    stored: &Stored<Integration>,
    delivery: Delivery,
    value: Value,
) -> Result<RunId, Failure> {
    let expires = store.clock.now_secs() + i64::try_from(REMEMBER.as_secs()).unwrap_or(i64::MAX);
    let mut run = run_of(store, &delivery.integration, &stored.hash);
    match store.claim_delivery(tenant, &delivery, &run, expires).await? {
        Claim::New => {}
        Claim::Repeat(run) => return Ok(run),
        Claim::Unsent(started) => match store.run(tenant, &started).await? {
            Some(started) if started.state.is_over() => return Ok(started.run),
            Some(started) => run = started,
            None => run.run = started,
        },
    }
    let record = Record { value, ..Record::default() };
    let batch = Batch { origin: "webhook".into(), records: vec![record], ..Batch::default() };
    let message = Message { envelope: envelope_of(tenant, &run), task: Task::Transform(batch) };
    store.send("transform", &[message], Duration::ZERO).await?;
    store.delivery_is_sent(tenant, &delivery, &run.run, expires).await?;
    Ok(run.run)
}

/// Makes the run of one delivery: one record, one batch, no lease.
fn run_of(store: &Store, integration: &Name, definition: &Digest) -> Run {
    let mut progress = Progress::default();
    progress.end(1);
    Run {
        run: RunId::new(uuid::Uuid::now_v7().simple().to_string()),
        integration: integration.clone(),
        definition: definition.clone(),
        trigger: "webhook".into(),
        full: false,
        state: RunState::Running,
        started_at: store.clock.now_ms(),
        ended_at: None,
        counts: Counts { read: 1, ..Counts::default() },
        timings: Timings::default(),
        cursor_before: None,
        cursor_after: None,
        reason: None,
        token: 0,
        progress,
    }
}
