//! `ferrule key`: customer keys. They are stored hashed; a key is shown once.

use clap::{Args, Subcommand, ValueEnum};
use ferrule_core::duration::Span;
use ferrule_store::Role;
use serde_json::{Value, json};

use super::{Outcome, rows};
use crate::hub::{Hub, Place, segment};
use crate::output::{self, Output};
use crate::stack::Details;
use crate::{Ended, Fault, operator};

/// Issue, rotate, revoke and list customer keys.
#[derive(Debug, Args)]
pub(super) struct Key {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Issue a key; it is shown once
    #[command(after_help = "Example:\n  ferrule key issue dashboard --role read")]
    Issue {
        /// Who will hold it
        #[arg(value_name = "LABEL")]
        label: String,
        /// What it may do
        #[arg(long, default_value = "read")]
        role: Allowed,
        /// For another tenant: needs access to the stack's AWS account in place of a key
        #[arg(long, value_name = "NAME")]
        tenant: Option<String>,
    },
    /// Issue a key in the place of another; both are valid for a while
    #[command(after_help = "Example:\n  ferrule key rotate 1f3a77c0 --overlap 24h")]
    Rotate {
        /// The old key's id
        #[arg(value_name = "ID")]
        id: String,
        /// How long the old key stays valid
        #[arg(long, default_value = "24h", value_name = "TIME", value_parser = span)]
        overlap: Span,
    },
    /// Refuse a key from now on
    #[command(after_help = "Example:\n  ferrule key revoke 1f3a77c0")]
    Revoke {
        /// The key's id
        #[arg(value_name = "ID")]
        id: String,
    },
    /// List the keys, without the keys themselves
    #[command(after_help = "Example:\n  ferrule key list")]
    List,
}

/// What a key may do.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Allowed {
    /// Look
    Read,
    /// Look, start runs and checks, replay and discard what is parked, change configuration values
    Write,
    /// Everything
    Admin,
}

impl From<Allowed> for Role {
    fn from(allowed: Allowed) -> Self {
        match allowed {
            Allowed::Read => Self::Read,
            Allowed::Write => Self::Write,
            Allowed::Admin => Self::Admin,
        }
    }
}

fn span(text: &str) -> Result<Span, String> {
    Span::try_from(text.to_owned())
}

impl Key {
    pub(super) async fn run(self, place: &Place, output: Output) -> Outcome {
        match self.command {
            Command::Issue { label, role, tenant: Some(tenant) } => {
                issue_first(place, &tenant, role, &label, output).await?;
            }
            Command::Issue { label, role, tenant: None } => {
                let issued = issue(&Hub::open(place)?, role.into(), &label).await?;
                show_once(output, &issued);
            }
            Command::Rotate { id, overlap } => {
                rotate(&Hub::open(place)?, &id, overlap, output).await?;
            }
            Command::Revoke { id } => {
                Hub::open(place)?.delete(&format!("keys/{}", segment(&id))).await?;
                output.result(&json!({ "revoked": id }), |output| {
                    output.line(&format!("key {id} is refused from now on"));
                });
            }
            Command::List => {
                let answer = Hub::open(place)?.get("keys", &[]).await?;
                output.result(&answer.body, |output| {
                    output.table("", &output::rows(&rows(&answer.body)), "no keys");
                });
            }
        }
        Ok(Ended::Well)
    }
}

/// Issues a key without having one: with the operator's rights in AWS.
async fn issue_first(
    place: &Place,
    tenant: &str,
    role: Allowed,
    label: &str,
    output: Output,
) -> Result<(), Fault> {
    let store = operator::store(&Details::read(&place.dir)?);
    let (key, row) = store.issue_key(&operator::tenant(tenant)?, role.into(), label).await?;
    show_once(output, &json!({ "key": key, "id": row.id, "role": row.role, "label": row.label }));
    Ok(())
}

async fn issue(hub: &Hub, role: Role, label: &str) -> Result<Value, Fault> {
    Ok(hub.post("keys", &json!({ "role": role, "label": label })).await?.loose())
}

async fn rotate(hub: &Hub, id: &str, overlap: Span, output: Output) -> Result<(), Fault> {
    let keys = hub.get("keys", &[]).await?.loose();
    let mut keys = keys["items"].as_array().into_iter().flatten();
    let old = keys.find(|key| key["id"] == id).ok_or_else(|| {
        Fault::Refused(format!("there is no key {id}; `ferrule key list` names them"))
    })?;
    if !old["revoked_at"].is_null() {
        return Err(Fault::Invalid(format!("key {id} is revoked or rotated already")));
    }
    let role: Role = serde_json::from_value(old["role"].clone())
        .map_err(|error| Fault::Failed(format!("role of key {id}: {error}")))?;
    let issued = issue(hub, role, old["label"].as_str().unwrap_or_default()).await?;
    // Shown first: a key that is issued and not seen would be lost.
    show_once(output, &issued);
    let path = format!("keys/{}?after={}s", segment(id), overlap.duration().as_secs());
    hub.delete(&path).await.map(drop)
}

fn show_once(output: Output, issued: &Value) {
    output.result(issued, |output| {
        let text = |key: &str| issued[key].as_str().unwrap_or_default();
        output.line(text("key"));
        let (id, role, label) = (text("id"), text("role"), text("label"));
        output.remark(&format!("key {id} ({role}) for {label:?}; it is not shown again"));
    });
}
