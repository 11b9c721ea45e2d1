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
/// history: `KEY=-` reads the value from standard input, and `-` alone a JSON object with all of them.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  ferrule secret set our-servicenow - < credentials.json\n  ferrule secret set our-servicenow username=hub password=- < password.txt"
)]
pub(super) struct Set {
    /// The connection, or the integration with a webhook
    #[arg(value_name = "NAME")]
    name: String,
    /// The keys that the connector's README names: `KEY=VALUE`, `KEY=-`, or just `-`
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
        extend(&mut all, given);
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
            let read: Result<Map<String, Value>, _> = serde_json::from_str(&text(input)?);
            return read.map_err(|error| {
                let place = format!("line {}, column {}", error.line(), error.column());
                Fault::Invalid(format!("standard input is not a JSON object ({place})"))
            });
        }
        let pairs = self.values.iter().map(|Pair(pair)| match pair.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value)),
            // The text may be the secret: it is not repeated.
            _ => Err(Fault::Invalid("write KEY=VALUE, or just - for standard input".to_owned())),
        });
        let pairs: Vec<_> = pairs.collect::<Result<_, _>>()?;
        let read = match pairs.iter().filter(|(_, value)| *value == "-").count() {
            0 => String::new(),
            1 => text(input)?,
            _ => {
                return Err(Fault::Invalid(
                    "only one KEY=- can be read from standard input".into(),
                ));
            }
        };
        let value = |value| if value == "-" { line(&read) } else { value };
        Ok(pairs.into_iter().map(|(key, given)| (key, Value::from(value(given)))).collect())
    }
}

/// Adds what is given. A webhook has one key or a list of them: who gives the one takes the other away.
fn extend(all: &mut Map<String, Value>, given: Map<String, Value>) {
    for (one, other) in [("secret", "secrets"), ("secrets", "secret")] {
        if given.contains_key(one) {
            all.remove(other);
        }
    }
    all.extend(given);
}

/// Reads standard input, as much of it as a secret can hold.
fn text(input: impl Read) -> Result<String, Fault> {
    let mut text = String::new();
    let read = input.take(MAX_BYTES + 1).read_to_string(&mut text);
    read.map_err(|error| Fault::Invalid(format!("standard input: {error}")))?;
    Ok(text)
}

/// Returns a text without the end of its last line, which `echo` and editors add. Lines in it stay: a key
/// in PEM has some.
fn line(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
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
    fn a_list_of_keys_takes_the_place_of_one() {
        let object = |value: Value| value.as_object().unwrap().clone();
        let mut all = object(json!({"secret": "old", "token": "t"}));
        extend(&mut all, object(json!({"secrets": ["new", "old"]})));
        assert_eq!(Value::Object(all.clone()), json!({"secrets": ["new", "old"], "token": "t"}));
        extend(&mut all, object(json!({"secret": "new"})));
        assert_eq!(Value::Object(all), json!({"secret": "new", "token": "t"}));
    }

    #[test]
    fn a_dash_as_value_is_read_and_keeps_its_lines() {
        let given = set(&["user=hub", "key=-"]).given(&b"-- begin\nabc\n"[..]).unwrap();
        assert_eq!((&given["user"], &given["key"]), (&json!("hub"), &json!("-- begin\nabc")));
        assert!(set(&["a=-", "b=-"]).given(&b"x"[..]).is_err());
    }

    #[test]
    fn a_mistake_never_repeats_what_may_be_secret() {
        let said = set(&["s3cret"]).given(&b""[..]).unwrap_err().to_string();
        assert!(!said.contains("s3cret"), "{said}");
        let said = set(&["-"]).given(&br#"{"password": s3cret}"#[..]).unwrap_err().to_string();
        assert!(said.contains("line 1") && !said.contains("s3cret"), "{said}");
    }
}
