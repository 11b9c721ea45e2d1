//! `ferrule key`: customer keys. They are stored hashed; a key is shown once.

use clap::{Args, Subcommand, ValueEnum};
use ferrule_core::{Tenant, duration::Span};
use ferrule_store::{CustomerKey, Role, Store};
use serde_json::json;

use super::Outcome;
use crate::hub::Place;
use crate::output::{self, Grid, Output};
use crate::stack::Details;
use crate::{Ended, Fault, operator};

/// Issue, rotate, revoke and list customer keys.
#[derive(Debug, Args)]
pub(super) struct Key {
    /// Whose data the key opens [default: that of the stack's own key]
    #[arg(long, global = true, value_name = "NAME")]
    tenant: Option<String>,
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
    },
    /// Issue a key in the place of another; both are valid for a while
    #[command(after_help = "Example:\n  ferrule key rotate 1f3a77c0 --overlap 24h")]
    Rotate {
        /// The old key's id
        #[arg(value_name = "ID")]
        id: String,
        /// How long the old key stays valid
        #[arg(long, default_value = "24h", value_name = "TIME")]
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
    /// Look, and start runs
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

impl Key {
    pub(super) async fn run(self, place: &Place, output: Output) -> Outcome {
        let details = Details::read(&place.dir)?;
        let store = operator::store(&details);
        let tenant = match &self.tenant {
            Some(tenant) => operator::tenant(tenant)?,
            None => operator::own_tenant(&store, &details).await?,
        };
        match self.command {
            Command::Issue { label, role } => {
                let issued = store.issue_key(&tenant, role.into(), &label).await?;
                show_once(output, &issued);
            }
            Command::Rotate { id, overlap } => rotate(&store, &tenant, &id, overlap, output).await?,
            Command::Revoke { id } => {
                if !store.revoke_key(&tenant, &id, store.clock.now_ms()).await? {
                    return Err(unknown(&tenant, &id));
                }
                output.result(&json!({ "revoked": id }), |output| {
                    output.line(&format!("key {id} is refused from now on"));
                });
            }
            Command::List => list(&store.keys(&tenant).await?, output),
        }
        Ok(Ended::Well)
    }
}

async fn rotate(
    store: &Store,
    tenant: &Tenant,
    id: &str,
    overlap: Span,
    output: Output,
) -> Result<(), Fault> {
    let keys = store.keys(tenant).await?;
    let old = keys.into_iter().find(|key| key.id == id).ok_or_else(|| unknown(tenant, id))?;
    if old.revoked_at.is_some() {
        return Err(Fault::Invalid(format!("key {id} is revoked or rotated already")));
    }
    let issued = store.issue_key(tenant, old.role, &old.label).await?;
    let overlap = i64::try_from(overlap.duration().as_millis()).unwrap_or(i64::MAX);
    store.revoke_key(tenant, id, store.clock.now_ms().saturating_add(overlap)).await?;
    show_once(output, &issued);
    Ok(())
}

fn unknown(tenant: &Tenant, id: &str) -> Fault {
    Fault::Refused(format!("tenant {tenant} has no key {id}; `ferrule key list` names them"))
}

fn show_once(output: Output, (key, row): &(String, CustomerKey)) {
    output.result(&json!({ "key": key, "id": row.id, "tenant": row.tenant, "role": row.role }), |output| {
        output.line(key);
        output.remark(&format!(
            "key {} of tenant {} for {:?}; it is not shown again",
            row.id, row.tenant, row.label
        ));
    });
}

fn list(keys: &[CustomerKey], output: Output) {
    output.result(&keys, |output| {
        let mut grid = Grid::new(["id", "role", "label", "created", "refused from"]);
        for key in keys {
            let role = json!(key.role);
            let revoked = key.revoked_at.map_or_else(String::new, |at| output::moment(&json!(at)));
            grid.add([
                key.id.as_str(),
                role.as_str().unwrap_or_default(),
                &key.label,
                &output::moment(&json!(key.created_at)),
                &revoked,
            ]);
        }
        output.table("", &grid, "no keys");
    });
}
