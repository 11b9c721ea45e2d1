//! The requests of a case are the ones written down, and valid by the vendor's contract.

use std::{collections::BTreeMap, fs, path::PathBuf, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ferrule_connector::{Connector, Value};
use serde::Serialize;

use super::{
    Promise, Setup,
    case::{self, Case},
    logs,
    secrets::{self, Secret},
    stage::{Found, Stage},
};
use crate::{
    contract::Contract,
    server::Answers,
    vendor::{Request, Vendor},
};

/// Headers that say how, not what.
const TRANSPORT: [&str; 6] =
    ["host", "content-length", "connection", "accept-encoding", "user-agent", "transfer-encoding"];

/// A request, for people to read.
#[derive(Serialize)]
struct Golden {
    method: String,
    path: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    query: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Value::is_null")]
    body: Value,
}

/// Once with the contract where it is at hand, once without, as on a user's machine: both ask the
/// same.
pub(super) async fn prove<C: Connector>(stage: &Stage<C>, case: &Case, found: &mut Found) {
    let (at, setup) = (&case.name, &case.setup);
    let contract = setup.contract.as_deref();
    let say = "name the vendor's contract: `.contract(\"…\")`";
    found.demand(at, setup, Promise::Contract, contract.is_some(), say);
    let mut checked = None;
    if let Some(contract) = contract.and_then(Contract::open).map(Arc::new) {
        checked = run(stage, case, Some(contract), found).await;
    }
    let Some(shown) = run(stage, case, None, found).await else { return };
    if setup.lacks(Promise::Golden) {
        return;
    }
    let differs = checked.is_some_and(|checked| checked != shown);
    found.prove(
        at,
        if differs {
            Err("its requests depend on the contract's examples: give answers".to_owned())
        } else {
            keep(&file::<C>(at), &shown, C::NAME)
        },
    );
}

async fn run<C: Connector>(
    stage: &Stage<C>,
    case: &Case,
    contract: Option<Arc<Contract>>,
    found: &mut Found,
) -> Option<String> {
    let at = &case.name;
    let answers = Answers::new(case.setup.script.clone(), contract);
    let vendor = vendor(&answers).await;
    let address = vendor.url("");
    let heard = logs::mark();
    let desk = stage.desk(&case.setup, &address).await;
    let outcome = stage.act(&desk, case).await;
    let secrets = secrets::of(&case.setup, &address);
    found.prove(at, outcome.is_ok("everything is fine at the vendor"));
    for violation in answers.violations() {
        found.wrong(at, violation);
    }
    quiet(at, &secrets, &outcome.said, heard, found);
    let is_good = outcome.code() == "ok" && answers.violations().is_empty();
    is_good.then(|| shown(&case.setup, &vendor.requests(), &secrets, &address))
}

/// For a connector that does not speak HTTP: it works.
pub(super) async fn prove_without<C: Connector>(stage: &Stage<C>, case: &Case, found: &mut Found) {
    let heard = logs::mark();
    let desk = stage.desk(&case.setup, "").await;
    let outcome = stage.act(&desk, case).await;
    found.prove(&case.name, outcome.is_ok("all is well"));
    quiet(&case.name, &secrets::of(&case.setup, ""), &outcome.said, heard, found);
}

/// Proves that no secret was said or logged since.
pub(super) fn quiet(at: &str, secrets: &[Secret], said: &str, heard: usize, found: &mut Found) {
    found.prove(
        at,
        match secrets::found_in(secrets, said) {
            None => Ok(()),
            Some(which) => Err(format!("{which} is shown in: {}", said.trim())),
        },
    );
    let logged = logs::since(heard);
    found.prove(
        at,
        match secrets::found_in(secrets, &logged) {
            None => Ok(()),
            Some(which) => {
                let holds = |line: &&str| secrets::found_in(secrets, line).is_some();
                let line = logged.lines().find(holds).unwrap_or_default();
                Err(format!("{which} is logged: {line}"))
            }
        },
    );
}

pub(super) async fn vendor(answers: &Answers) -> Vendor {
    let answers = answers.clone();
    Vendor::start(move |request, _| answers.answer(request)).await
}

fn file<C: Connector>(case: &str) -> PathBuf {
    case::folder(C::NAME).join(format!("{case}.request.json"))
}

fn keep(file: &PathBuf, shown: &str, connector: &str) -> Result<(), String> {
    let written = fs::read_to_string(file).unwrap_or_default();
    if written == shown {
        return Ok(());
    }
    if crate::update() {
        fs::write(file, shown).unwrap();
        return Ok(());
    }
    let name = file.file_name().unwrap().to_string_lossy();
    Err(format!(
        "the requests are not those of events/{connector}/{name}; look at the difference, and if \
         it is wanted run UPDATE=1 cargo test -p {connector}. Now they are:\n{shown}"
    ))
}

fn shown(setup: &Setup, requests: &[Request], secrets: &[Secret], vendor: &str) -> String {
    let goldens: Vec<Golden> = requests.iter().map(|request| golden(setup, request)).collect();
    let mut text = serde_json::to_string_pretty(&goldens).unwrap() + "\n";
    let host = vendor.trim_start_matches("http://");
    for Secret { key, value } in secrets {
        let quoted = serde_json::to_string(value).unwrap();
        text = text.replace(&quoted[1..quoted.len() - 1], &format!("{{{{secret.{key}}}}}"));
    }
    text.replace(vendor, "{{vendor}}").replace(host, "{{vendor}}")
}

fn golden(setup: &Setup, request: &Request) -> Golden {
    let query = request.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut headers = BTreeMap::new();
    for (name, value) in &request.headers {
        let is_plain = name == "accept" && value == "*/*";
        if !TRANSPORT.contains(&name.as_str()) && !is_plain {
            let shown = if setup.volatile.contains(name) { "…".to_owned() } else { basic(value) };
            headers.insert(name.clone(), shown);
        }
    }
    let body = body(request);
    Golden { method: request.method.clone(), path: request.path.clone(), query, headers, body }
}

/// A user and a password are shown, not their base64: the password becomes a placeholder.
fn basic(value: &str) -> String {
    let packed = value.strip_prefix("Basic ");
    let plain = packed.and_then(|packed| STANDARD.decode(packed).ok());
    match plain.and_then(|plain| String::from_utf8(plain).ok()) {
        Some(plain) => format!("Basic ({plain})"),
        None => value.to_owned(),
    }
}

fn body(request: &Request) -> Value {
    if request.body.is_empty() {
        return Value::Null;
    }
    if let Ok(value) = ferrule_core::json::parse(&request.body) {
        return value;
    }
    match String::from_utf8(request.body.clone()) {
        Ok(text) => text.into(),
        Err(_) => format!("base64:{}", STANDARD.encode(&request.body)).into(),
    }
}
