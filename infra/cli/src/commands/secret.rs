//! `ferrule secret set`: a connection's credentials, into Secrets Manager and nowhere else.

use std::io::Read;

use clap::{Args, Subcommand};
use ferrule_core::{Name, Tenant};
use ferrule_store::Store;
use serde_json::{Map, Value, json};

use super::Outcome;
use crate::hub::Place;
use crate::output::Output;
use crate::stack::Details;
use crate::{Ended, Fault, operator};

/// Most bytes that Secrets Manager takes.
const MAX_BYTES: u64 = 65_536;

/// The owner of webhook secrets.
const INGEST: &str = "ingest";

/// Store credentials.
#[derive(Debug, Subcommand)]
pub(super) enum Secret {
    /// Store the credentials of a connection, or of an integration's webhook
    Set(Set),
}

/// Store the credentials of a connection, or of an integration's webhook.
///
/// They are never shown again, neither here nor by the hub. What is on a command line ends up in the shell's
/// history: `-` reads a JSON object from standard input in its place.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  ferrule secret set our-servicenow - < credentials.json\n  ferrule secret set our-servicenow username=hub password=..."
)]
pub(super) struct Set {
    /// The connection, or the integration with a webhook
    #[arg(value_name = "NAME")]
    name: String,
    /// The keys that the connector's README names, or `-`
    #[arg(required = true, value_name = "KEY=VALUE|-")]
    values: Vec<Pair>,
    /// Whose connection [default: that of the stack's own key]
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// Forget the keys that are not given [default: they stay]
    #[arg(long)]
    replace: bool,
}

/// A key with its value. It is never shown.
#[derive(Clone)]
struct Pair(String);

impl From<&str> for Pair {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pair")
    }
}

impl Secret {
    pub(super) async fn run(self, place: &Place, output: Output) -> Outcome {
        let Self::Set(set) = self;
        let given = set.given(std::io::stdin().lock())?;
        let details = Details::read(&place.dir)?;
        let store = operator::store(&details);
        let tenant = match &set.tenant {
            Some(tenant) => operator::tenant(tenant)?,
            None => operator::own_tenant(&store, &details).await?,
        };
        let name = operator::name(&set.name)?;
        let owner = owner(&store, &tenant, &name).await?;
        let mut all = Map::new();
        if !set.replace {
            all = there(&store, &owner, &tenant, &name).await?;
        }
        all.extend(given);
        let keys: Vec<String> = all.keys().cloned().collect();
        let body = Value::Object(all).to_string();
        store.secrets.write(&owner, &tenant, &name, &body, None).await?;
        output.result(&json!({ "secret": name, "owner": owner, "keys": keys }), |output| {
            output.line(&format!("stored the secret of {name} for {owner}: {}", keys.join(", ")));
        });
        Ok(Ended::Well)
    }
}

impl Set {
    /// Returns what was given, on the command line or in `input`.
    fn given(&self, input: impl Read) -> Result<Map<String, Value>, Fault> {
        if let [Pair(dash)] = &self.values[..]
            && dash == "-"
        {
            let mut text = String::new();
            let read = input.take(MAX_BYTES + 1).read_to_string(&mut text);
            read.map_err(|error| Fault::Invalid(format!("standard input: {error}")))?;
            let read: Result<Map<String, Value>, _> = serde_json::from_str(&text);
            return read.map_err(|error| {
                let place = format!("line {}, column {}", error.line(), error.column());
                Fault::Invalid(format!("standard input is not a JSON object ({place})"))
            });
        }
        let pairs = self.values.iter().map(|Pair(pair)| match pair.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), Value::from(value))),
            // The text may be the secret: it is not repeated.
            _ => Err(Fault::Invalid("write KEY=VALUE, or just - for standard input".to_owned())),
        });
        pairs.collect()
    }
}

/// Returns who may read the secret: the connection's connector, or `ingest` for a webhook.
async fn owner(store: &Store, tenant: &Tenant, name: &Name) -> Result<Name, Fault> {
    if let Some(connection) = store.connection(tenant, name).await? {
        return Ok(connection.definition.connector);
    }
    if store.integration(tenant, name).await?.is_some() {
        return operator::name(INGEST);
    }
    Err(Fault::Refused(format!(
        "tenant {tenant} has no connection and no integration {name}; apply its definition first"
    )))
}

async fn there(
    store: &Store,
    owner: &Name,
    tenant: &Tenant,
    name: &Name,
) -> Result<Map<String, Value>, Fault> {
    let there = store.secrets.read(owner, tenant, name, true).await?;
    let there = there.map(|secret| serde_json::from_str(secret.expose())).transpose();
    there.map(Option::unwrap_or_default).map_err(|_| {
        Fault::Invalid("the secret that is there is not a JSON object; --replace it".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(values: &[&str]) -> Set {
        let values = values.iter().map(|text| Pair::from(*text)).collect();
        Set { name: "sn".into(), values, tenant: None, replace: false }
    }

    #[test]
    fn takes_pairs_and_keeps_what_follows_the_first_equals_sign() {
        let given = set(&["user=hub", "password=a=b"]).given(&b""[..]).unwrap();
        assert_eq!(given["password"], "a=b");
    }

    #[test]
    fn a_mistake_never_repeats_what_may_be_secret() {
        let said = set(&["s3cret"]).given(&b""[..]).unwrap_err().to_string();
        assert!(!said.contains("s3cret"), "{said}");
        let said = set(&["-"]).given(&br#"{"password": s3cret}"#[..]).unwrap_err().to_string();
        assert!(said.contains("line 1") && !said.contains("s3cret"), "{said}");
    }
}
