//! Takes one delivery: find, verify, answer a challenge, recognise a repeat, send.

use axum::{
    body::Bytes,
    extract::{
        Path, RawQuery, State,
        rejection::{BytesRejection, PathRejection},
    },
};
use ferrule_core::{
    Digest, Failure, Hops, MAX_RECORDS, Name, Record, Tenant, Value,
    definition::{Integration, Trigger, WebhookTrigger},
    path,
    recipe::{MAX_WEBHOOK_BYTES, Recipe},
};
use ferrule_store::{Arrival, Secret, Store};
use http::{HeaderMap, Method, header};
use tracing::{Instrument, error, info, info_span, warn};

use crate::{
    body::{self, Unreadable},
    challenge::{self, Request},
    record,
    reply::{Answer, Reply},
    secret,
    verify::{Proof, Refused, verify},
};

/// Whose secrets these are in Secrets Manager.
const OWNER: &str = "ingest";

/// Answers `POST /webhooks/{tenant}/{integration}`, and GET likewise: who cannot prove who he is
/// learns by neither what is there.
pub(crate) async fn receive(
    State(store): State<Store>,
    path: Result<Path<(String, String)>, PathRejection>,
    method: Method,
    RawQuery(query): RawQuery,
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
    let query = query.unwrap_or_default();
    let request = Request { method: &method, headers: &headers, query: &query };
    take(&store, &tenant, &name, request, &body).instrument(span).await.unwrap_or_else(|failure| {
        error!(code = failure.code(), %failure, "could not take a delivery");
        Reply::Unavailable
    })
}

async fn take(
    store: &Store,
    tenant: &Tenant,
    name: &Name,
    request: Request<'_>,
    body: &[u8],
) -> Result<Reply, Failure> {
    let Some(stored) = store.integration(tenant, name).await? else {
        return Ok(refused("unknown"));
    };
    let Some(Trigger::Webhook(trigger)) = &stored.definition.trigger else {
        return Ok(refused("no webhook"));
    };
    let Some(Trust { recipe, keys, version }) = trust(store, tenant, name, trigger).await? else {
        return Ok(Reply::Unauthorized);
    };
    if let Some(answer) = challenge::unsigned(&recipe, request) {
        info!("a vendor asked whether the webhook is here");
        return Ok(answer);
    }
    if request.method != Method::POST {
        return Ok(refused("no challenge"));
    }
    let now_secs = store.clock.now_secs();
    let mut proof = verify(&recipe, &keys, request.headers, body, now_secs);
    if proof == Err(Refused::Signature)
        && let Some(keys) = rotated(store, tenant, name, (&recipe, &version)).await?
    {
        proof = verify(&recipe, &keys, request.headers, body, now_secs);
    }
    let proof = match proof {
        Ok(proof) => proof,
        Err(why) => return Ok(refused(why.reason())),
    };
    if body.len() > trigger.body_limit() {
        return Ok(Reply::TooLarge(trigger.body_limit()));
    }
    let value = match read(&recipe, request.headers, body) {
        Ok(value) => value,
        Err(reply) => return Ok(reply),
    };
    if let Some(answer) = challenge::signed(&recipe, request, &value) {
        return Ok(answer);
    }
    let Some(items) = record::items(&recipe, &value) else {
        let path = recipe.records.as_deref().unwrap_or_default();
        return Ok(Reply::Unreadable(format!("there is no list at {path}")));
    };
    let id = id_of(&recipe, &proof, &value, body);
    let mut records = record::records(&recipe, items, &trigger.headers, request.headers);
    let hops =
        Hops::of_header(request.headers.get(Hops::HEADER).and_then(|text| text.to_str().ok()));
    for record in &mut records {
        record.hops = hops;
    }
    send(store, tenant, (&stored.definition, &stored.hash), trigger, id, records).await
}

/// Starts the run; one for each thousand records of a sender that collects so many.
async fn send(
    store: &Store,
    tenant: &Tenant,
    of: (&Integration, &Digest),
    trigger: &WebhookTrigger,
    id: Digest,
    records: Vec<Record>,
) -> Result<Reply, Failure> {
    let mut first = None;
    for (at, records) in records.chunks(MAX_RECORDS).enumerate() {
        let arrival = Arrival {
            trigger: "webhook",
            urgency: trigger.urgency,
            alert: false,
            origin: "webhook".into(),
            records: records.to_vec(),
        };
        let id = match at {
            0 => id.clone(),
            at => Digest::of(&[b"part", id.to_string().as_bytes(), at.to_string().as_bytes()]),
        };
        let run = store.deliver(tenant, of, id, arrival).await?;
        first.get_or_insert(run);
    }
    Ok(first.map_or(Reply::Answer(200, Answer::Nothing), Reply::Accepted))
}

fn read(recipe: &Recipe, headers: &HeaderMap, body: &[u8]) -> Result<Value, Reply> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    body::read(content_type, body, recipe.form.as_deref()).map_err(|unreadable| match unreadable {
        Unreadable::MediaType => Reply::MediaType,
        Unreadable::Content(why) => {
            warn!("a verified delivery cannot be read");
            Reply::Unreadable(why)
        }
    })
}

fn refused(reason: &'static str) -> Reply {
    warn!(reason, "webhook refused");
    Reply::Unauthorized
}

/// How deliveries are verified.
struct Trust {
    recipe: Recipe,
    keys: Vec<secret::Key>,
    /// Of the secret that holds the keys.
    version: String,
}

/// Returns how deliveries are verified and with which keys; `None` when that is not set up.
async fn trust(
    store: &Store,
    tenant: &Tenant,
    name: &Name,
    trigger: &WebhookTrigger,
) -> Result<Option<Trust>, Failure> {
    let recipe = match Recipe::of(trigger) {
        Ok(recipe) => recipe,
        Err(problems) => {
            let problem = problems.first().map(ToString::to_string).unwrap_or_default();
            error!(problem, "the webhook's recipe is unusable");
            return Ok(None);
        }
    };
    let owner = Name::new(OWNER).map_err(|e| Failure::invalid(e.to_string()))?;
    let secret = store.secrets.read(&owner, tenant, name, false).await?;
    let keys = keys_of(secret.as_ref(), &recipe);
    let version = secret.map(|secret| secret.version).unwrap_or_default();
    Ok(keys.map(|keys| Trust { recipe, keys, version }))
}

/// Returns the keys of a newer secret than the one that a signature does not fit, should there be one.
/// However many forgeries come, Secrets Manager is asked once in ten seconds.
async fn rotated(
    store: &Store,
    tenant: &Tenant,
    name: &Name,
    (recipe, version): (&Recipe, &str),
) -> Result<Option<Vec<secret::Key>>, Failure> {
    let owner = Name::new(OWNER).map_err(|e| Failure::invalid(e.to_string()))?;
    let secret = Box::pin(store.secrets.read_newest(&owner, tenant, name)).await?;
    let newer = secret.filter(|secret| secret.version != version);
    Ok(newer.and_then(|secret| keys_of(Some(&secret), recipe)))
}

fn keys_of(secret: Option<&Secret>, recipe: &Recipe) -> Option<Vec<secret::Key>> {
    let Some(secret) = secret else {
        error!("the webhook has no secret");
        return None;
    };
    match secret::keys(secret, recipe) {
        Ok(keys) => Some(keys),
        Err(problem) => {
            error!(problem, "the webhook's secret is unusable");
            None
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
    let field = field.filter(|value| value.as_str() != Some(""));
    match field {
        Some(id) => Digest::of(&[b"field", id.to_string().as_bytes()]),
        None => Digest::of(&[b"body", proof.timestamp.unwrap_or_default().as_bytes(), body]),
    }
}
