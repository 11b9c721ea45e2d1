//! Many calls at once, for two tenants, through one value of the connector.

use ferrule_connector::{Connector, Notification};
use futures_util::future::join_all;

use super::{
    Promise,
    case::{Case, Deed},
    golden,
    stage::{Found, Stage},
};
use crate::server::Answers;

/// How many calls a tenant.
const MANY: usize = 8;

/// Proves that all succeed, and that nothing of one tenant gets to the vendor of the other.
pub(super) async fn prove<C: Connector>(stage: &Stage<C>, case: &Case, found: &mut Found) {
    if case.setup.lacks(Promise::Together) {
        return;
    }
    let answers = Answers::new(case.setup.script.clone(), None);
    let (left, right) = (golden::vendor(&answers).await, golden::vendor(&answers).await);
    let (at_left, at_right) = match case.setup.is_http() {
        true => (left.url(""), right.url("")),
        false => (String::new(), String::new()),
    };
    let here = stage.desk(&case.setup, &at_left).await;
    let there = stage.desk(&case.setup, &at_right).await;
    let (mine, yours): (Vec<Deed>, Vec<Deed>) = (0..MANY)
        .map(|turn| (marked(case, "left", turn, &at_left), marked(case, "right", turn, &at_right)))
        .unzip();
    let calls = mine
        .iter()
        .map(|deed| stage.act_on(&here, &case.setup, deed))
        .zip(yours.iter().map(|deed| stage.act_on(&there, &case.setup, deed)))
        .flat_map(|(mine, yours)| {
            [futures_util::future::Either::Left(mine), futures_util::future::Either::Right(yours)]
        });
    for outcome in join_all(calls).await {
        found.prove(
            &case.name,
            match outcome.code() {
                "ok" => Ok(()),
                _ => Err(format!("many at once, and one ends as {}", outcome.shown())),
            },
        );
    }
    let mixed = |vendor: &crate::vendor::Vendor, other: &str| {
        vendor.requests().iter().any(|request| request.text().contains(other))
    };
    found.prove(
        &case.name,
        match mixed(&left, "suite-right") || mixed(&right, "suite-left") {
            false => Ok(()),
            true => {
                Err("many at once: one tenant's words went to the vendor of another".to_owned())
            }
        },
    );
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
