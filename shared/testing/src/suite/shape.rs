//! What a user can write wrong is refused before anything is sent.

use ferrule_connector::Connector;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    Promise,
    case::{Case, Deed},
    stage::{Found, Stage, placed},
};

/// Nobody is there, and nobody needs to be.
const NOWHERE: &str = "http://127.0.0.1:9";

/// A key that no connector has.
const MISSPELT: &str = "no_such_key_of_the_suite";

pub(super) async fn prove<C: Connector>(stage: &Stage<C>, case: &Case, found: &mut Found) {
    let (at, setup) = (&case.name, &case.setup);
    found.prove(at, refuses::<C::Settings>("settings", &setup.settings));
    if let Some(source) = &setup.source {
        found.prove(at, refuses::<C::Source>("source", source));
    }
    for (what, target) in [("target", &setup.target), ("notify", &setup.notify)] {
        if let Some(target) = target {
            found.prove(at, refuses::<C::Target>(what, target));
        }
    }
    if setup.secret.is_none() {
        found.demand(at, setup, Promise::Secret, false, "give a secret: `.secret(json)`");
    } else if !matches!(case.deed, Deed::Check) {
        found.prove(at, without_a_secret(stage, case).await);
    }
}

/// A misspelt key is refused by name: it would be ignored without a word otherwise.
fn refuses<T: DeserializeOwned>(what: &str, text: &str) -> Result<(), String> {
    let mut value: Value = serde_json::from_str(&placed(text, NOWHERE)).unwrap();
    let Some(object) = value.as_object_mut() else { return Ok(()) };
    object.insert(MISSPELT.into(), 1.into());
    match serde_json::from_value::<T>(value) {
        Ok(_) => Err(format!("{what} take a misspelt key: say #[serde(deny_unknown_fields)]")),
        Err(error) if error.to_string().contains(MISSPELT) => Ok(()),
        Err(error) => Err(format!("{what} refuse a misspelt key without naming it: {error}")),
    }
}

async fn without_a_secret<C: Connector>(stage: &Stage<C>, case: &Case) -> Result<(), String> {
    if case.setup.lacks(Promise::Secret) {
        return Ok(());
    }
    let mut bare = case.setup.clone();
    bare.secret = None;
    let desk = stage.desk(&bare, NOWHERE).await;
    let outcome = stage.act_on(&desk, &bare, &case.deed_at(NOWHERE)).await;
    match outcome.code() {
        "ok" | "unavailable" | "throttled" | "deferred" => Err(format!(
            "without a secret it ends as {}: say what is missing, before any call",
            outcome.shown()
        )),
        _ => Ok(()),
    }
}
