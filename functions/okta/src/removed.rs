//! What is gone, by the System Log: deleted users and groups, and members who left.
//!
//! The log says what happened, not what is so: a group's member who left may be back. So each is
//! looked up before it is called gone.

use std::collections::BTreeMap;

use ferrule_connector::{Extract, Failure, Fetched, Object, Record, Value};

use crate::{
    Okta, Read,
    client::{Client, Page, moment},
    members::membership,
};

/// Entries a page: each may need a look-up, and a call has its time.
const PAGE: &str = "100";

/// Reads a page of deleted users or groups.
pub(crate) async fn things(
    request: &Extract<'_, Okta>,
    client: &Client<'_>,
    since: &str,
    link: Option<String>,
) -> Result<Fetched, Failure> {
    let (event, kind, list) = match request.source.read {
        Read::Groups => ("group.lifecycle.delete", "UserGroup", "groups"),
        Read::Users | Read::Memberships => ("user.lifecycle.delete.completed", "User", "users"),
    };
    let page = log(request, client, event, since, link).await?;
    let mut gone = BTreeMap::new();
    for entry in &page.items {
        if let (Some(id), Some(at)) = (target(entry, kind), published(entry)) {
            gone.insert(id, at);
        }
    }
    let mut records = Vec::new();
    for (id, at) in gone {
        if client.find(&[list, id]).await?.is_none() {
            let mut thing = Object::new();
            thing.insert("id", Value::from(id));
            thing.insert("lastUpdated", Value::from(at));
            records.push(Record { deleted: true, value: thing.into(), ..Record::default() });
        }
    }
    Ok(fetched(&page, records))
}

/// Reads a page of members who left.
pub(crate) async fn members(
    request: &Extract<'_, Okta>,
    client: &Client<'_>,
    since: &str,
    link: Option<String>,
) -> Result<Fetched, Failure> {
    let page = log(request, client, "group.user_membership.remove", since, link).await?;
    let mut left: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
    for entry in &page.items {
        let who = (target(entry, "User"), target(entry, "UserGroup"), published(entry));
        if let (Some(user), Some(group), Some(at)) = who {
            left.entry(user).or_default().insert(group, at);
        }
    }
    let mut records = Vec::new();
    for (user, groups) in left {
        let there = client.find(&["users", user, "groups"]).await?;
        for (group, at) in groups {
            let is_back = there.as_ref().is_some_and(|there| has(there, group));
            if !is_back {
                let value = membership(group, user, at).into();
                records.push(Record { deleted: true, value, ..Record::default() });
            }
        }
    }
    Ok(fetched(&page, records))
}

async fn log(
    request: &Extract<'_, Okta>,
    client: &Client<'_>,
    event: &str,
    since: &str,
    link: Option<String>,
) -> Result<Page, Failure> {
    if let Some(link) = link {
        client.follow(&link).await
    } else {
        let filter = format!("eventType eq \"{event}\"");
        let until = moment(request.started_at_ms)?;
        let parameters = [
            ("since", since),
            ("until", until.as_str()),
            ("filter", filter.as_str()),
            ("limit", PAGE),
        ];
        client.list(&["logs"], &parameters).await
    }
}

fn fetched(page: &Page, records: Vec<Record>) -> Fetched {
    let next = page.next.as_deref().map(Value::from);
    Fetched { origin: page.origin.clone(), records, next, ..Fetched::default() }
}

/// Returns the id of what an entry is about.
fn target<'e>(entry: &'e Value, kind: &str) -> Option<&'e str> {
    let Value::Array(targets) = entry.get("target")? else { return None };
    let is_kind =
        |target: &&Value| target.get("type").and_then(Value::as_str).is_some_and(|it| it == kind);
    targets.iter().find(is_kind)?.get("id")?.as_str()
}

fn published(entry: &Value) -> Option<&str> {
    entry.get("published")?.as_str()
}

/// Tells whether a group is in a list of groups.
fn has(groups: &Value, id: &str) -> bool {
    let Value::Array(groups) = groups else { return false };
    groups.iter().any(|group| group.get("id").and_then(Value::as_str) == Some(id))
}
