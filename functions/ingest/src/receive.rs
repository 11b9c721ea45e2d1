//! Takes one delivery: find, verify, recognise a repeat, send, answer.

use axum::{
    body::Bytes,
    extract::{
        Path, State,
        rejection::{BytesRejection, PathRejection},
    },
};
use ferrule_core::{
    Digest, Failure, Name, Record, Tenant, Value,
    definition::{Trigger, WebhookTrigger},
    path,
    recipe::{MAX_WEBHOOK_BYTES, Recipe},
};
use ferrule_store::{Arrival, Store};
use http::{HeaderMap, header};
use tracing::{Instrument, error, info_span, warn};

use crate::{
    body::{self, Unreadable},
    reply::Reply,
    secret,
    verify::{Proof, verify},
};

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
    let id = id_of(&recipe, &proof, &value, body);
    let arrival = Arrival {
        trigger: "webhook",
        urgency: trigger.urgency,
        alert: false,
        origin: "webhook".into(),
        records: vec![Record { value, ..Record::default() }],
    };
    let of = (&stored.definition, &stored.hash);
    store.deliver(tenant, of, id, arrival).await.map(Reply::Accepted)
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
