//! What a vendor can do wrong, and what the connector then says.

use std::time::Duration;

use ferrule_connector::{Connector, Failure};
use tokio::time::timeout;

use super::{
    Promise,
    act::Outcome,
    case::{Case, Deed},
    golden, logs, secrets,
    stage::{Found, Stage},
};
use crate::{
    server::Answers,
    vendor::{Manner, Reply, Request, Vendor},
};

/// Time that a call has when the vendor is slow; the next when it was too little to begin.
const LITTLE: [Duration; 2] = [Duration::from_millis(700), Duration::from_millis(4500)];

/// Time that a call has otherwise.
const PATIENCE: Duration = Duration::from_secs(15);

/// Longest that the suite itself waits beyond that.
const GRACE: Duration = Duration::from_secs(10);

/// Status, and the codes it may end as.
const STATUSES: [(u16, &[&str]); 12] = [
    (400, &["rejected"]),
    (401, &["unauthorized"]),
    (403, &["rejected", "unauthorized"]),
    (404, &["rejected"]),
    (408, &["unavailable"]),
    (413, &["rejected", "TOO_LARGE"]),
    (429, &["throttled"]),
    (500, &["unavailable"]),
    (502, &["unavailable"]),
    (503, &["unavailable"]),
    (504, &["unavailable"]),
    (529, &["unavailable"]),
];

/// Ways in which an answer does not come, or not whole.
const MANNERS: [(&str, Manner); 5] = [
    ("hangs up without an answer", Manner::HangUp),
    ("is cut off in mid-answer", Manner::CutAfter(20)),
    ("never answers", Manner::Mute),
    ("stops in mid-answer", Manner::StallAfter(20)),
    ("answers a byte now and then", Manner::Trickle),
];

/// Proves it for the last request of a case, which is the one that matters most, and in part for
/// those before it.
pub(super) async fn prove<C: Connector>(stage: &Stage<C>, case: &Case, found: &mut Found) {
    let good = Answers::new(case.setup.script.clone(), None);
    let vendor = golden::vendor(&good).await;
    let desk = stage.desk(&case.setup, &vendor.url("")).await;
    stage.act(&desk, case).await;
    let count = vendor.requests().len();
    if count == 0 {
        return;
    }
    for at in 0..count {
        statuses(stage, case, at, at + 1 == count, found).await;
    }
    hints(stage, case, count - 1, found).await;
    false_successes(stage, case, count - 1, found).await;
    silences(stage, case, count - 1, found).await;
    endless(stage, case, count - 1, found).await;
    nobody(stage, case, found).await;
}

async fn statuses<C: Connector>(
    stage: &Stage<C>,
    case: &Case,
    at: usize,
    is_last: bool,
    found: &mut Found,
) {
    for (turn, (status, codes)) in STATUSES.into_iter().enumerate() {
        // What a request before the last one is for, only its vendor knows: a 404 can be an answer.
        let is_telling = matches!(status, 401 | 408 | 429 | 500..);
        if !is_telling && (!is_last || matches!(case.deed, Deed::Check)) {
            continue;
        }
        let stated = case.setup.expected.iter().find(|(stated, _, _)| *stated == status);
        let codes = stated.map_or(codes.to_vec(), |(_, code, _)| vec![*code]);
        let what = format!("request {} is answered {status}", at + 1);
        let fault = move |request: &Request| echo(request, turn).with_status(status);
        let outcome = tried(stage, case, at, PATIENCE, fault, &what, found).await;
        found.prove(&case.name, ends(&what, outcome, &codes));
    }
}

/// A vendor that says back what it got, as a sentence where connectors look for one.
fn echo(request: &Request, turn: usize) -> Reply {
    let headers = || request.headers.iter().filter(|(name, _)| name != "accept" && name != "host");
    let part = match turn % 3 {
        0 => {
            headers().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join("; ")
        }
        1 => format!("{} {:?}", request.path, request.query),
        _ => request.text(),
    };
    Reply::json(serde_json::json!({"message": format!("you sent {part}")}).to_string())
}

async fn hints<C: Connector>(stage: &Stage<C>, case: &Case, at: usize, found: &mut Found) {
    let setup = &case.setup;
    let say = "give the vendor's own hint: `.throttled(reply, wait)`";
    found.demand(&case.name, setup, Promise::Hint, !setup.throttled.is_empty(), say);
    for (reply, wait) in &setup.throttled {
        let (reply, what) = (reply.clone(), format!("the vendor asks to wait {wait:?}"));
        let fault = move |_: &Request| reply.clone();
        let outcome = tried(stage, case, at, PATIENCE, fault, &what, found).await;
        let held = match &outcome {
            Some(Outcome {
                failure: Some(Failure::Throttled { retry_after: Some(hint), .. }),
                ..
            }) if hint == wait => Ok(()),
            Some(Outcome { failure: Some(failure), .. }) => {
                Err(format!("{what}, and it ends as {failure:?}"))
            }
            _ => ends(&what, outcome, &["throttled"]),
        };
        found.prove(&case.name, held);
    }
}

async fn false_successes<C: Connector>(
    stage: &Stage<C>,
    case: &Case,
    at: usize,
    found: &mut Found,
) {
    let setup = &case.setup;
    let say = "give a 200 that is a failure: `.false_success(reply, code)`";
    found.demand(&case.name, setup, Promise::FalseSuccess, !setup.false_success.is_empty(), say);
    for (reply, code) in &setup.false_success {
        let (reply, what) = (reply.clone(), format!("a success that is {code}"));
        let fault = move |_: &Request| reply.clone();
        let outcome = tried(stage, case, at, PATIENCE, fault, &what, found).await;
        found.prove(&case.name, ends(&what, outcome, &[code]));
    }
}

/// An answer that does not come, or not whole, is no answer.
async fn silences<C: Connector>(stage: &Stage<C>, case: &Case, at: usize, found: &mut Found) {
    let body = format!(r#"{{"id": 1, "ok": true, "result": [{{"id": "1"}}{}]}}"#, " ".repeat(2000));
    for (what, manner) in MANNERS {
        let is_slow = !matches!(manner, Manner::HangUp | Manner::CutAfter(_));
        let times = if is_slow { &LITTLE[..] } else { &[PATIENCE] };
        let mut held = Ok(());
        for time_left in times {
            let reply = Reply::json(body.clone()).manner(manner);
            let fault = move |_: &Request| reply.clone();
            let outcome = tried(stage, case, at, *time_left, fault, what, found).await;
            // So little time that it did not even begin: give it more.
            let gave_up = outcome.as_ref().is_some_and(|outcome| outcome.code() == "deferred");
            held = ends(what, outcome, &["unavailable"]);
            if !gave_up {
                break;
            }
        }
        found.prove(&case.name, held);
    }
}

/// The memory of a Lambda has an end.
async fn endless<C: Connector>(stage: &Stage<C>, case: &Case, at: usize, found: &mut Found) {
    let what = "an answer without end";
    let body = vec![b' '; 64 * 1024];
    let fault = move |_: &Request| Reply::json(body.clone()).manner(Manner::Endless);
    let outcome = tried(stage, case, at, PATIENCE, fault, what, found).await;
    let may_be_ok = matches!(case.deed, Deed::Notify(_) | Deed::Check);
    let held = match outcome {
        Some(outcome) if may_be_ok && outcome.code() == "ok" => Ok(()),
        outcome => ends(what, outcome, &["TOO_LARGE", "unavailable", "rejected"]),
    };
    found.prove(&case.name, held);
}

async fn nobody<C: Connector>(stage: &Stage<C>, case: &Case, found: &mut Found) {
    let desk = stage.desk(&case.setup, &nowhere().await).await;
    let outcome = stage.act(&desk, case).await;
    found.prove(&case.name, ends("nobody listens", Some(outcome), &["unavailable"]));
}

/// Returns an address where nobody listens: somebody did just now.
pub(super) async fn nowhere() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// Runs the case with a fault from the request `at` on; `None` when it does not end.
async fn tried<C: Connector>(
    stage: &Stage<C>,
    case: &Case,
    at: usize,
    time_left: Duration,
    fault: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    what: &str,
    found: &mut Found,
) -> Option<Outcome> {
    let good = Answers::new(case.setup.script.clone(), None);
    let answer = move |request: &Request, number: usize| {
        if number < at { good.answer(request) } else { fault(request) }
    };
    let vendor = Vendor::start(answer).await;
    let address = vendor.url("");
    let mut desk = stage.desk(&case.setup, &address).await;
    desk.time_left = time_left;
    let heard = logs::mark();
    let outcome = timeout(time_left + GRACE, stage.act(&desk, case)).await.ok()?;
    let place = format!("{}, {what}", case.name);
    golden::quiet(&place, &secrets::of(&case.setup, &address), &outcome.said, heard, found);
    Some(outcome)
}

fn ends(what: &str, outcome: Option<Outcome>, codes: &[&str]) -> Result<(), String> {
    match outcome {
        None => Err(format!("{what}, and it does not end: keep to `context.time_left`")),
        Some(outcome) if codes.contains(&outcome.code()) => Ok(()),
        Some(outcome) => {
            Err(format!("{what}: expected {}, it ends as {}", codes.join(" or "), outcome.shown()))
        }
    }
}
