//! Which fields a table has, so that a misspelt one is refused before the instance ignores it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ferrule_connector::{Failure, Object};
use ferrule_core::Digest;
use ferrule_store::{Item, Table, When};

use crate::{
    client::Client,
    text::{flat, stored},
};

/// What is known of a table is read again after this long.
const KEEP_SECS: i64 = 3600;

/// Tables inherit fields; none in the product is this deep.
const MAX_DEPTH: usize = 10;

/// The fields of a table and their types. Empty when the connection does not check.
#[derive(Debug, Default)]
pub(crate) struct Fields(BTreeMap<String, String>);

/// What this process knows of tables.
#[derive(Debug, Default)]
pub(crate) struct Cache(Mutex<Known>);

/// By partition and sort key of the state table: the fields, and until when they are good.
type Known = HashMap<(String, String), (Arc<Fields>, i64)>;

impl Fields {
    /// Returns the `internal_type` of a field.
    pub(crate) fn kind(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn unknown<'n>(&self, names: &[&'n str]) -> Option<&'n str> {
        let first = |name: &'n str| name.split_once('.').map_or(name, |(first, _)| first);
        names.iter().copied().find(|name| !self.0.contains_key(first(name)))
    }
}

impl Cache {
    /// Returns the fields of a table once every one of `names` is known to be one of them.
    pub(crate) async fn checked(
        &self,
        client: &Client<'_>,
        table: &str,
        names: &[&str],
    ) -> Result<Arc<Fields>, Failure> {
        if !client.context.settings.check_fields {
            return Ok(Arc::default());
        }
        if let Some(fields) = self.known(client, table).await?
            && fields.unknown(names).is_none()
        {
            return Ok(fields);
        }
        let fields = self.read(client, table).await?;
        match fields.unknown(names) {
            None => Ok(fields),
            Some(name) => Err(Failure::coded("UNKNOWN_FIELD", unknown_field(table, name, &fields))),
        }
    }

    /// Looks in this process, then in the state table.
    async fn known(
        &self,
        client: &Client<'_>,
        table: &str,
    ) -> Result<Option<Arc<Fields>>, Failure> {
        let key = key(client, table);
        let now = client.context.store.clock.now_secs();
        let there = self.lock().get(&key).cloned();
        if let Some((fields, until)) = there
            && now < until
        {
            return Ok(Some(fields));
        }
        let row = client.context.store.tables.get(Table::State, &key.0, &key.1).await?;
        let Some(row) = row else { return Ok(None) };
        let fields = Arc::new(Fields(row.read()?));
        self.lock().insert(key, (Arc::clone(&fields), row.expires.unwrap_or(now)));
        Ok(Some(fields))
    }

    /// Asks the instance, and keeps the answer.
    async fn read(&self, client: &Client<'_>, table: &str) -> Result<Arc<Fields>, Failure> {
        let names = line(client, table).await?;
        let query = format!("nameIN{}", names.join(","));
        let parameters = [
            ("sysparm_query", query.as_str()),
            ("sysparm_fields", "element,internal_type"),
            ("sysparm_exclude_reference_link", "true"),
            ("sysparm_no_count", "true"),
        ];
        let rows = client.list("sys_dictionary", &parameters).await?.rows;
        let field = |row: Object| {
            let row = flat(row);
            let name = stored(row.get("element")?)?.to_owned();
            let kind = row.get("internal_type").and_then(stored).unwrap_or_default().to_owned();
            (!name.is_empty()).then_some((name, kind))
        };
        let fields: BTreeMap<String, String> = rows.into_iter().filter_map(field).collect();
        if fields.is_empty() {
            return Err(Failure::coded(
                "UNKNOWN_TABLE",
                format!(
                    "sys_dictionary shows no field of {table}: check its name, and that the user \
                     may read sys_dictionary (or set check_fields: false)"
                ),
            ));
        }
        let store = client.context.store;
        let until = store.clock.now_secs() + KEEP_SECS;
        let (pk, sk) = key(client, table);
        let row = Item::new(&pk, &sk, &fields)?.with_expiry(until);
        store.tables.put(Table::State, row, When::Always).await?;
        let fields = Arc::new(Fields(fields));
        self.lock().insert((pk, sk), (Arc::clone(&fields), until));
        Ok(fields)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(client: &Client<'_>, table: &str) -> (String, String) {
    let context = client.context;
    let at = Digest::of(&[context.settings.instance_url.as_bytes()]);
    let sk = format!("servicenow#fields#{}#{at}#{table}", context.connection);
    (context.tenant.to_string(), sk)
}

/// Names the table and those it inherits from: the dictionary lists a field where it is defined.
async fn line(client: &Client<'_>, table: &str) -> Result<Vec<String>, Failure> {
    let query = format!("name={table}");
    let steps: Vec<String> =
        (0..MAX_DEPTH).map(|depth| format!("{}name", "super_class.".repeat(depth))).collect();
    let parameters = [
        ("sysparm_query", query.as_str()),
        ("sysparm_fields", &steps.join(",")),
        ("sysparm_limit", "1"),
        ("sysparm_no_count", "true"),
    ];
    let rows = client.list("sys_db_object", &parameters).await?.rows;
    let row = rows.into_iter().next().map(flat).unwrap_or_default();
    let mut names: Vec<String> = steps
        .iter()
        .filter_map(|step| stored(row.get(step)?))
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    if !names.iter().any(|name| name == table) {
        names = vec![table.to_owned()];
    }
    Ok(names)
}

fn unknown_field(table: &str, name: &str, fields: &Fields) -> String {
    let first = name.split_once('.').map_or(name, |(first, _)| first);
    let near = fields
        .0
        .keys()
        .map(|known| (strsim::damerau_levenshtein(first, known), known))
        .min()
        .filter(|(distance, _)| *distance <= 3);
    let meant = near.map_or(String::new(), |(_, known)| format!("; did you mean {known}?"));
    format!("{table} has no field {first}: the instance would ignore it without a word{meant}")
}
