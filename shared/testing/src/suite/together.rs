//! Many calls at once, for two tenants, through one value of the connector.

use ferrule_connector::{Connector, Notification};
use futures_util::future::join_all;

use super::{
    Promise,
    case::{Case, Deed},
    golden,
    stage::{Found, Stage},
};
use crate::{server::Answers, vendor::Vendor};

/// How many calls a tenant.
const MANY: usize = 8;

/// Proves that all succeed, and that nothing of one tenant gets to the vendor of the other.
pub(super) async fn prove<C: Connector>(stage: &Stage<C>, case: &Case, found: &mut Found) {
    if case.setup.lacks(Promise::Together) {
        return;
    }
    let answers = Answers::new(case.setup.script.clone(), None);
    let (left, right) = (golden::vendor(&answers).await, golden::vendor(&answers).await);
    let address = |vendor: &Vendor| {
        if case.setup.is_http() { vendor.url("") } else { String::new() }
    };
    let here = stage.desk(&case.setup, &address(&left)).await;
    let there = stage.desk(&case.setup, &address(&right)).await;
    let sides = [(&here, "left"), (&there, "right")];
    let deeds: Vec<_> = (0..MANY)
        .flat_map(|turn| sides.map(|(desk, side)| (desk, marked(case, side, turn, &desk.vendor))))
        .collect();
    let calls = deeds.iter().map(|(desk, deed)| stage.act_on(desk, &case.setup, deed));
    for outcome in join_all(calls).await {
        found.prove(&case.name, outcome.is_ok("many at once"));
    }
    let has = |vendor: &Vendor, mark: &str| {
        vendor.requests().iter().any(|request| request.text().contains(mark))
    };
    let is_deaf = |vendor: &Vendor| case.setup.is_http() && vendor.requests().is_empty();
    let is_mixed = has(&left, "suite-right") || has(&right, "suite-left");
    let held = if is_mixed || is_deaf(&left) != is_deaf(&right) {
        Err("many at once: one tenant's words went to the vendor of another".to_owned())
    } else {
        Ok(())
    };
    found.prove(&case.name, held);
}

/// Says whose call it is, where there are words to say it in.
fn marked(case: &Case, side: &str, turn: usize, vendor: &str) -> Deed {
    let mark = format!("suite-{side}-{turn}");
    match case.deed_at(vendor) {
        Deed::Notify(told) => Deed::Notify(
            told.into_iter()
                .map(|one| Notification {
                    id: format!("{}-{mark}", one.id),
                    title: format!("{} {mark}", one.title),
                    ..one
                })
                .collect(),
        ),
        other => other,
    }
}
