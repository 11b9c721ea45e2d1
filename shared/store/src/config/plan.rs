//! What one change comes to: what it needs and refuses, and then which rows it writes.
//!
//! First every change of a batch is checked, which writes nothing; only when none is refused, secrets
//! are put into the vault and plain values taken out of the history of what becomes a secret.

use ferrule_core::{Failure, Tenant, Value, document::Fit};

use super::{
    Config, ConfigAction, ConfigAt, ConfigChange, ConfigDone, ConfigRefusal, ConfigVersion,
    ConfigWish, Held, MAX_CONFIG_BYTES, Row,
    vault::{MAX_SEALED_BYTES, new_salt, sealed},
};
use crate::{Item, Store, Table, When, Write};

/// Who changes something, and when.
pub(super) struct Author<'a> {
    pub(super) tenant: &'a Tenant,
    pub(super) by: &'a str,
    pub(super) at: i64,
    pub(super) local_only: bool,
}

/// What one change comes to.
pub(super) struct Planned {
    pub(super) done: ConfigDone,
    /// What was there before, as it may be shown.
    pub(super) old: Held,
    pub(super) writes: Vec<Write>,
}

/// A change that is not refused.
pub(super) struct Checked<'c> {
    change: &'c ConfigChange,
    there: There,
    wanted: Wanted,
}

/// What a value is to be.
struct Wanted {
    value: Option<Value>,
    schema: Option<Value>,
    is_sensitive: bool,
    action: ConfigAction,
    of: Option<u64>,
}

/// What there is: the row, and the value out of the vault if it is there.
struct There {
    config: Option<Config>,
    value: Option<Value>,
    salt: Option<String>,
    schema_since: u64,
}

impl There {
    /// Returns the value that is there, not its deletion.
    fn live(&self) -> Option<&Config> {
        self.config.as_ref().filter(|config| config.is_there())
    }

    fn meets(&self, when: When) -> bool {
        match when {
            When::Always => true,
            When::Absent => self.live().is_none(),
            When::Rev(version) => self.live().is_some_and(|c| c.latest.version == version),
        }
    }
}

impl Store {
    /// Decides whether a change can be made of the row that is there. Nothing is written.
    pub(super) async fn check_one<'c>(
        &self,
        author: &Author<'_>,
        change: &'c ConfigChange,
        row: Option<&Item>,
    ) -> Result<Result<Checked<'c>, ConfigRefusal>, Failure> {
        let there = self.there(author.tenant, &change.at, row).await?;
        if !there.meets(change.when) {
            return Ok(Err(ConfigRefusal::Conflict));
        }
        let wanted = self.wanted(author.tenant, change, &there).await?;
        Ok(wanted.and_then(|wanted| {
            check(&wanted)?;
            Ok(Checked { change, there, wanted })
        }))
    }

    /// Says what a change comes to. Secrets are in the vault after this; rows are not written.
    pub(super) async fn plan_one(
        &self,
        author: &Author<'_>,
        Checked { change, there, wanted }: Checked<'_>,
    ) -> Result<Planned, Failure> {
        if let Some(config) = there.live().filter(|_| is_so(&there, &wanted)) {
            let done = ConfigDone { config: config.clone(), is_changed: false, is_new: false };
            let writes = unchanged(author.tenant, change, config);
            return Ok(Planned { done, old: Held::Nothing, writes });
        }
        self.rows(author, change, there, wanted).await
    }

    async fn there(
        &self,
        tenant: &Tenant,
        at: &ConfigAt,
        row: Option<&Item>,
    ) -> Result<There, Failure> {
        let Some(row) = row else {
            return Ok(There { config: None, value: None, salt: None, schema_since: 0 });
        };
        let row: Row = row.read()?;
        let schema_since = row.schema_since;
        let config = row.of(at.clone());
        let (value, salt) = match &config.latest.held {
            Held::Plain(value) => (Some(value.clone()), None),
            Held::Nothing => (None, self.last_salt(tenant, &config).await?),
            held @ Held::Sealed { .. } => match self.open(tenant, at, held).await? {
                Some(opened) => (Some(opened.value), Some(opened.salt)),
                None => (None, None),
            },
        };
        Ok(There { config: Some(config), value, salt, schema_since })
    }

    /// Returns the salt of a secret that was deleted: beside the value that it had before. So equal
    /// values have equal hashes after a deletion too.
    async fn last_salt(&self, tenant: &Tenant, config: &Config) -> Result<Option<String>, Failure> {
        let Config { at, latest, .. } = config;
        let before = latest.version.saturating_sub(1);
        let before = self.config_version(tenant, at, before).await?;
        let Some(before) = before.filter(|_| config.is_sensitive) else { return Ok(None) };
        Ok(self.open(tenant, at, &before.held).await?.map(|opened| opened.salt))
    }

    async fn wanted(
        &self,
        tenant: &Tenant,
        change: &ConfigChange,
        there: &There,
    ) -> Result<Result<Wanted, ConfigRefusal>, Failure> {
        let config = there.config.as_ref();
        let schema = config.and_then(|config| config.schema.clone());
        let was_sensitive = config.is_some_and(|config| config.is_sensitive);
        let (value, is_sensitive, action, of) = match &change.wish {
            ConfigWish::Delete if there.live().is_none() => {
                return Ok(Err(ConfigRefusal::Unknown));
            }
            ConfigWish::Delete => (None, was_sensitive, ConfigAction::Delete, None),
            ConfigWish::Set { value, schema, sensitive } => {
                return Ok(wanted_set(there, value.as_ref(), schema.as_ref(), *sensitive));
            }
            ConfigWish::Rollback(_) if config.is_none() => {
                return Ok(Err(ConfigRefusal::Unknown));
            }
            ConfigWish::Rollback(version) => {
                let Some(earlier) = self.config_version(tenant, &change.at, *version).await? else {
                    return Ok(Err(ConfigRefusal::NoVersion(*version)));
                };
                let value = match &earlier.held {
                    Held::Nothing => {
                        let said = format!("version {version} is a deletion; delete it instead");
                        return Ok(Err(ConfigRefusal::invalid("version", said)));
                    }
                    Held::Plain(value) => Some(value.clone()),
                    held @ Held::Sealed { .. } => {
                        let opened = self.open(tenant, &change.at, held).await?;
                        opened.map(|opened| opened.value)
                    }
                };
                if value.is_none() {
                    return Ok(Err(ConfigRefusal::NotKept(*version)));
                }
                // What was a secret then does not become readable by going back to it.
                let is_sensitive = was_sensitive || matches!(earlier.held, Held::Sealed { .. });
                // Whether an old secret fits would tell something of it. What came with the schema, or
                // after it, was tried by whoever knew it.
                if is_sensitive && schema.is_some() && *version < there.schema_since {
                    let said = format!(
                        "the schema is newer than version {version}, and a secret is not tried \
                         against one: send the value itself"
                    );
                    return Ok(Err(ConfigRefusal::invalid("version", said)));
                }
                (value, is_sensitive, ConfigAction::Rollback, Some(*version))
            }
        };
        Ok(Ok(Wanted { value, schema, is_sensitive, action, of }))
    }

    /// Makes the rows. The history is free of plain values before a key becomes sensitive.
    async fn rows(
        &self,
        author: &Author<'_>,
        change: &ConfigChange,
        there: There,
        wanted: Wanted,
    ) -> Result<Planned, Failure> {
        let (tenant, at) = (author.tenant, &change.at);
        let is_new = there.live().is_none();
        let There { config, value: old_value, salt, schema_since } = there;
        let mut old = config.as_ref().map_or(Held::Nothing, |config| config.latest.held.clone());
        let mut held = wanted.value.map_or(Held::Nothing, Held::Plain);
        let version = config.as_ref().map_or(0, |config| config.latest.version);
        if wanted.is_sensitive {
            let salt = salt.unwrap_or_else(new_salt);
            if config.as_ref().is_some_and(|config| !config.is_sensitive) {
                self.scrub(tenant, at, &salt).await?;
            }
            if let (Held::Plain(_), Some(value)) = (&old, &old_value) {
                old = sealed(&salt, value);
            }
            if let Held::Plain(value) = &held {
                held = self.seal(tenant, (at, version + 1), &salt, value).await?;
            }
        }
        let latest = ConfigVersion {
            version: version + 1,
            at: author.at,
            by: author.by.to_owned(),
            reason: change.reason.clone(),
            action: wanted.action,
            held,
            of: wanted.of,
            local_only: author.local_only,
        };
        let when = if config.is_some() { When::Rev(version) } else { When::Absent };
        let same_schema = config.as_ref().and_then(|config| config.schema.as_ref());
        let is_same = same_schema == wanted.schema.as_ref();
        let schema_since = if is_same { schema_since } else { version + 1 };
        let config = Config {
            at: at.clone(),
            schema: wanted.schema,
            is_sensitive: wanted.is_sensitive,
            latest,
        };
        let writes = writes(tenant, &config, schema_since, when)?;
        Ok(Planned { done: ConfigDone { config, is_changed: true, is_new }, old, writes })
    }
}

/// Decides what a value that is set is to be.
fn wanted_set(
    there: &There,
    value: Option<&Value>,
    schema: Option<&Value>,
    sensitive: Option<bool>,
) -> Result<Wanted, ConfigRefusal> {
    let config = there.config.as_ref();
    let was_sensitive = config.is_some_and(|config| config.is_sensitive);
    let is_sensitive = sensitive.unwrap_or(was_sensitive);
    if was_sensitive && !is_sensitive && value.is_none() {
        let said = "send the value that may be shown from now on: the secret is not taken out";
        return Err(ConfigRefusal::invalid("sensitive", said));
    }
    if was_sensitive && value.is_none() && schema.is_some_and(|schema| *schema != Value::Null) {
        let said = "send the value with the schema: a secret is not tried against one";
        return Err(ConfigRefusal::invalid("schema", said));
    }
    let value = value.cloned().or_else(|| there.live().and(there.value.clone()));
    if value.is_none() {
        return Err(ConfigRefusal::invalid("value", "there is no value yet: send one"));
    }
    let schema = match schema {
        None => config.and_then(|config| config.schema.clone()),
        Some(Value::Null) => None,
        Some(schema) => Some(schema.clone()),
    };
    Ok(Wanted { value, schema, is_sensitive, action: ConfigAction::Set, of: None })
}

/// Checks a value: its size, and that it fits its schema.
fn check(wanted: &Wanted) -> Result<(), ConfigRefusal> {
    let Some(value) = &wanted.value else { return Ok(()) };
    let too_large = |what: &str, most: usize| {
        ConfigRefusal::invalid(what, format!("this has more than {most} bytes as JSON"))
    };
    let most = if wanted.is_sensitive { MAX_SEALED_BYTES } else { MAX_CONFIG_BYTES };
    if value.to_string().len() > most {
        return Err(too_large("value", most));
    }
    let is_known_to_fit = wanted.is_sensitive && wanted.action == ConfigAction::Rollback;
    let schema = wanted.schema.as_ref().filter(|_| !is_known_to_fit);
    let Some(schema) = schema else { return Ok(()) };
    if schema.to_string().len() > MAX_CONFIG_BYTES {
        return Err(too_large("schema", MAX_CONFIG_BYTES));
    }
    let fit = Fit::new(schema).map_err(|said| ConfigRefusal::invalid("schema", said))?;
    let found = if wanted.is_sensitive {
        fit.hidden_problems(value, "value")
    } else {
        fit.problems(value, "value")
    };
    if found.is_empty() { Ok(()) } else { Err(ConfigRefusal::Invalid(found)) }
}

/// Tells whether everything is as it is wanted already.
fn is_so(there: &There, wanted: &Wanted) -> bool {
    there.live().is_some_and(|config| {
        wanted.value.is_some()
            && there.value == wanted.value
            && config.schema == wanted.schema
            && config.is_sensitive == wanted.is_sensitive
    })
}

/// What must still be so for a change that changes nothing, when somebody said so.
fn unchanged(tenant: &Tenant, change: &ConfigChange, config: &Config) -> Vec<Write> {
    let when = When::Rev(config.latest.version);
    let check = || Write::Check(Table::Registry, tenant.as_str().into(), config.at.row(), when);
    (change.when != When::Always).then(check).into_iter().collect()
}

/// The current row under its condition, and the row of the history.
fn writes(
    tenant: &Tenant,
    config: &Config,
    schema_since: u64,
    when: When,
) -> Result<Vec<Write>, Failure> {
    let Config { at, schema, is_sensitive, latest } = config;
    let (schema, latest_row) = (schema.clone(), latest.clone());
    let row = Row { schema, schema_since, sensitive: *is_sensitive, latest: latest_row };
    let mut current = Item::new(tenant.as_str(), at.row(), &row)?;
    current.rev = latest.version;
    let history = Item::new(tenant.as_str(), at.version(latest.version), latest)?;
    Ok(vec![
        Write::Put(Table::Registry, current, when),
        Write::Put(Table::Registry, history, When::Absent),
    ])
}
