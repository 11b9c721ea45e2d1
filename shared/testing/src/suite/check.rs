//! A check tells a bad credential from a dead host.

use ferrule_connector::Connector;

use super::{
    Promise,
    act::Outcome,
    case::{Case, Deed},
    faults, golden, logs, secrets,
    stage::{Found, Stage},
};
use crate::vendor::Vendor;

pub(super) async fn prove<C: Connector>(stage: &Stage<C>, case: &Case, found: &mut Found) {
    if !matches!(case.deed, Deed::Check) {
        return;
    }
    if case.setup.is_http() {
        over_http(stage, case, found).await;
    } else {
        without(stage, case, found).await;
    }
}

async fn over_http<C: Connector>(stage: &Stage<C>, case: &Case, found: &mut Found) {
    if !case.setup.lacks(Promise::Credential) {
        let reply = case.setup.bad_credential.clone();
        let vendor = Vendor::start(move |_, _| reply.clone()).await;
        let outcome = at(stage, case, &case.setup, &vendor.url(""), found).await;
        found.prove(&case.name, ends("a bad credential", &outcome, "unauthorized"));
    }
    let nowhere = faults::nowhere().await;
    let outcome = at(stage, case, &case.setup, &nowhere, found).await;
    found.prove(&case.name, ends("a dead host", &outcome, "unavailable"));
}

async fn without<C: Connector>(stage: &Stage<C>, case: &Case, found: &mut Found) {
    let setup = &case.setup;
    let say = "give settings of a host that is not there: `.dead_settings(json)`";
    found.demand(&case.name, setup, Promise::DeadHost, setup.dead_settings.is_some(), say);
    if let Some(dead) = &setup.dead_settings {
        let setup = setup.clone().settings(dead);
        let outcome = at(stage, case, &setup, "", found).await;
        found.prove(&case.name, ends("a dead host", &outcome, "unavailable"));
    }
    let say = "give a secret that is refused: `.bad_secret(json)`";
    found.demand(&case.name, setup, Promise::Credential, setup.bad_secret.is_some(), say);
    if let Some(bad) = &setup.bad_secret {
        let setup = setup.clone().secret(bad);
        let outcome = at(stage, case, &setup, "", found).await;
        found.prove(&case.name, ends("a bad credential", &outcome, "unauthorized"));
    }
}

async fn at<C: Connector>(
    stage: &Stage<C>,
    case: &Case,
    setup: &super::Setup,
    vendor: &str,
    found: &mut Found,
) -> Outcome {
    let heard = logs::mark();
    let desk = stage.desk(setup, vendor).await;
    let outcome = stage.act_on(&desk, setup, &Deed::Check).await;
    golden::quiet(&case.name, &secrets::of(setup, vendor), &outcome.said, heard, found);
    outcome
}

fn ends(what: &str, outcome: &Outcome, code: &str) -> Result<(), String> {
    if outcome.code() == code {
        return Ok(());
    }
    Err(format!("a check finds {what}: expected {code}, it ends as {}", outcome.shown()))
}
