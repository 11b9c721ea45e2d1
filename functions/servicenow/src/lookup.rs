//! What is there already: one read finds many records by their keys.

use std::collections::HashMap;

use ferrule_connector::{Failure, Object};

use crate::{
    Target,
    client::Client,
    outgoing::Outgoing,
    query::by_keys,
    text::{flat, stored},
};

/// Longest URL that every proxy on the way lets through.
const URL_BYTES: usize = 8000;

/// Room for the address, the names of parameters and the like.
const FRAME_BYTES: usize = 600;

/// Most bytes of names of fields in a URL; with more, every field is read.
const NAMES_BYTES: usize = 4000;

/// What is known of the records of one batch.
pub(crate) struct Known(HashMap<String, Row>);

/// What is there under one key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Row {
    /// Nothing.
    Missing,
    /// One record.
    One(There),
    /// More than one: which one is meant?
    Many(usize),
    /// A record that the user may not see.
    Hidden,
    /// A write had no answer: it may be there by now.
    Unsure,
}

/// One record that is there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct There {
    pub(crate) sys_id: String,
    values: HashMap<String, String>,
}

impl There {
    /// Tells whether writing `values` would change nothing.
    pub(crate) fn has(&self, values: &[(String, String)]) -> bool {
        self.differences(values).is_empty()
    }

    /// Returns those of `values` that are not there yet.
    pub(crate) fn differences(&self, values: &[(String, String)]) -> Vec<(String, String)> {
        values.iter().filter(|(name, text)| self.values.get(name) != Some(text)).cloned().collect()
    }

    /// Tells whether the version that is there is newer.
    pub(crate) fn is_newer(&self, target: &Target, out: &Outgoing) -> bool {
        let Some(field) = &target.version_field else { return false };
        let mine = out.values.iter().find(|(name, _)| name == field).map(|(_, text)| text);
        match (self.values.get(field).filter(|text| !text.is_empty()), mine) {
            (Some(there), Some(mine)) => match (there.parse::<i64>(), mine.parse::<i64>()) {
                (Ok(there), Ok(mine)) => there > mine,
                _ => there > mine,
            },
            _ => false,
        }
    }
}

impl Known {
    /// Looks up records by key, reading only the fields that will be compared.
    pub(crate) async fn find(
        client: &Client<'_>,
        target: &Target,
        keys: &[&str],
        names: &[&str],
    ) -> Result<Self, Failure> {
        let mut known = Self(keys.iter().map(|key| ((*key).to_owned(), Row::Missing)).collect());
        let mut keys: Vec<&str> = keys.to_vec();
        keys.sort_unstable();
        keys.dedup();
        let mut fields = format!("sys_id,{}", names.join(","));
        if fields.len() > NAMES_BYTES {
            fields.clear();
        }
        let room = URL_BYTES - FRAME_BYTES - fields.len() - target.key_field.len();
        for (query, keys) in by_keys(&target.key_field, &keys, room) {
            if known.add(client, target, &query, &fields, keys.len()).await? {
                continue;
            }
            // Some of what matches is hidden: which?
            for key in keys {
                if known.of(key) != Row::Missing {
                    continue;
                }
                let query = format!("{}={key}", target.key_field);
                if !known.add(client, target, &query, &fields, 1).await? {
                    known.0.insert(key.to_owned(), Row::Hidden);
                }
            }
        }
        Ok(known)
    }

    /// Reads what matches; `false` when the user may not see all of it.
    async fn add(
        &mut self,
        client: &Client<'_>,
        target: &Target,
        query: &str,
        fields: &str,
        keys: usize,
    ) -> Result<bool, Failure> {
        let limit = (keys * 2 + 10).to_string();
        let mut parameters = vec![
            ("sysparm_query", query),
            ("sysparm_limit", &limit),
            ("sysparm_exclude_reference_link", "true"),
        ];
        if !fields.is_empty() {
            parameters.push(("sysparm_fields", fields));
        }
        let listing = client.list(&target.table, &parameters).await?;
        let found = listing.rows.len();
        for row in listing.rows {
            self.take(row, &target.key_field);
        }
        let limit = keys * 2 + 10;
        let shown = u64::try_from(found).unwrap_or(u64::MAX);
        Ok(listing.total.is_none_or(|total| total <= shown) || found >= limit)
    }

    /// Keeps a row under its key, compared as it is: the instance may compare more loosely.
    fn take(&mut self, row: Object, key_field: &str) {
        let row = flat(row);
        let text = |value: &_| stored(value).unwrap_or_default().to_owned();
        let values: HashMap<String, String> =
            row.iter().map(|(name, value)| (name.to_owned(), text(value))).collect();
        let (Some(key), Some(id)) = (values.get(key_field), values.get("sys_id")) else { return };
        let Some(entry) = self.0.get_mut(key) else { return };
        let there = There { sys_id: id.clone(), values };
        *entry = match entry {
            Row::One(before) if before.sys_id != there.sys_id => Row::Many(2),
            Row::Many(count) => Row::Many(*count + 1),
            _ => Row::One(there),
        };
    }

    /// Returns what is there under a key.
    pub(crate) fn of(&self, key: &str) -> Row {
        self.0.get(key).cloned().unwrap_or(Row::Missing)
    }

    /// Notes what was written, for a second record with the same key.
    pub(crate) fn put(&mut self, key: &str, id: &str, values: &[(String, String)]) {
        let mut there = match self.of(key) {
            Row::One(there) => there,
            _ => There { sys_id: id.to_owned(), values: HashMap::new() },
        };
        there.values.extend(values.iter().cloned());
        self.0.insert(key.to_owned(), Row::One(there));
    }

    /// Notes that a write had no answer: nothing more is done to this key before the next look.
    pub(crate) fn doubt(&mut self, key: &str) {
        self.0.insert(key.to_owned(), Row::Unsure);
    }

    /// Notes what was removed.
    pub(crate) fn forget(&mut self, key: &str) {
        self.0.insert(key.to_owned(), Row::Missing);
    }
}
