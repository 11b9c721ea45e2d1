//! The source and the sink, as connectors.

use ferrule_connector::{
    Connector, Context, Disposition, Extract, Failure, Fetched, Health, Load, Record, Rejected,
    Role, Value,
};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    plan::Quality,
    world::{Fact, TENANTS, World, mark},
};

/// Records of one page.
pub(crate) const PAGE: usize = 7;

/// Settings, source and target of both: nothing.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Nothing {}

/// The credential.
#[derive(Deserialize)]
pub(crate) struct Secret {
    token: String,
}

/// Which of the two tenants it is.
pub(crate) fn side(tenant: &str) -> usize {
    TENANTS.iter().position(|name| *name == tenant).unwrap()
}

/// The source.
#[derive(Debug)]
pub(crate) struct Numbers(pub(crate) World);

impl Connector for Numbers {
    const NAME: &'static str = "numbers";
    const ROLES: &'static [Role] = &[Role::Source];
    type Settings = Nothing;
    type Secret = Secret;
    type Source = Nothing;
    type Target = Nothing;

    async fn extract(&self, page: &Extract<'_, Self>) -> Result<Fetched, Failure> {
        let tenant = page.context.tenant.as_str();
        let start = usize::try_from(page.position.as_i64().unwrap_or(0)).unwrap();
        let shown = page.context.secret.map(|secret| secret.token.as_str());
        self.0.check((tenant, "source"), shown, &mark(tenant));
        self.0.call(&format!("page {tenant} {start}"))?;
        let mut state = self.0.state();
        let there = &mut state.sides[side(tenant)];
        let handed: Vec<Fact> = there.facts.iter().skip(start).take(PAGE).cloned().collect();
        there.hand_out(start as u64, &handed);
        let (broken, whole): (Vec<_>, Vec<_>) =
            handed.iter().partition(|fact| fact.quality == Quality::Broken);
        let records = whole.into_iter().map(|fact| record(tenant, fact)).collect();
        let rejected = broken.into_iter().map(rejected).collect();
        let next = i64::try_from(start + PAGE).unwrap();
        let next = (start + PAGE < there.facts.len()).then(|| Value::from(next));
        Ok(Fetched { origin: "numbers".into(), records, rejected, next })
    }

    async fn check(&self, _: &Context<'_, Self>) -> Result<Health, Failure> {
        Ok(Health { message: "fine".into() })
    }
}

fn record(tenant: &str, fact: &Fact) -> Record {
    let Fact { id, version, at, quality } = fact;
    let n = if *quality == Quality::Good { id.to_string() } else { "\"none\"".into() };
    let of = mark(tenant);
    let text = format!(r#"{{"id":"k{id}","of":"{of}","v":{version},"at":{at},"n":{n}}}"#);
    let value = ferrule_core::json::parse(text.as_bytes()).unwrap();
    Record { line: *id, value, ..Record::default() }
}

fn rejected(fact: &Fact) -> Rejected {
    let raw = format!("k{} v{}", fact.id, fact.version);
    Rejected { line: fact.id, code: "BROKEN", message: "it is broken".into(), raw }
}

/// The sink: it looks before it writes, as a connector must. Between the two others may write.
#[derive(Debug)]
pub(crate) struct Ledger(pub(crate) World);

impl Connector for Ledger {
    const NAME: &'static str = "ledger";
    const ROLES: &'static [Role] = &[Role::Target];
    type Settings = Nothing;
    type Secret = Secret;
    type Source = Nothing;
    type Target = Nothing;

    async fn load(
        &self,
        load: &Load<'_, Self>,
        done: &mut [Option<Disposition>],
    ) -> Result<(), Failure> {
        let tenant = load.context.tenant.as_str();
        let shown = load.context.secret.map(|secret| secret.token.as_str());
        let at = side(tenant);
        let names = load.records.iter().map(|one| format!("{:?} {}", one.key, version_of(one)));
        self.0.must_be_same(at, load.batch_id, &names.collect::<String>());
        for (record, done) in load.records.iter().zip(done).filter(|(_, done)| done.is_none()) {
            let key = record.key.as_deref().unwrap();
            let of = record.value.get("of").and_then(Value::as_str).unwrap_or_default();
            self.0.check((tenant, "sink"), shown, of);
            self.0.must_be_open(at, load.batch_id, (key, version_of(record)));
            self.call(load.batch_id, shown)?;
            *done = Some(self.write(at, record).await);
            self.0.answered(at, load.batch_id, key);
            // The write is made, its acknowledgement is lost.
            if let Err(lost) = self.call(load.batch_id, shown) {
                *done = Some(Disposition::Unchanged);
                return Err(lost);
            }
        }
        Ok(())
    }

    async fn check(&self, _: &Context<'_, Self>) -> Result<Health, Failure> {
        Ok(Health { message: "fine".into() })
    }
}

impl Ledger {
    fn call(&self, batch: &str, shown: Option<&str>) -> Result<(), Failure> {
        let is_chatty = self.0.state().is_chatty;
        self.0.call(batch).map_err(|failure| match failure {
            Failure::Unavailable { .. } if is_chatty => {
                Failure::unavailable("world", format!("{} is refused", shown.unwrap_or_default()))
            }
            other => other,
        })
    }

    async fn write(&self, side: usize, record: &Record) -> Disposition {
        let key = record.key.as_deref().unwrap();
        let version = version_of(record);
        let there = self.0.version(side, key);
        tokio::task::yield_now().await;
        match there {
            Some(there) if there > version => Disposition::Stale,
            Some(there) if there == version => Disposition::Unchanged,
            _ if !self.0.write(side, key, version) => Disposition::Stale,
            None => Disposition::Created,
            Some(_) => Disposition::Updated,
        }
    }
}

fn version_of(record: &Record) -> u64 {
    let version = record.value.get("v").and_then(Value::as_i64).unwrap();
    u64::try_from(version).unwrap()
}
