//! Memberships: the groups whose members changed, and all members of each of them.
//!
//! Okta says of a group when its members changed last, not of a membership. So an incremental run
//! reads the members of such groups only; who left is in the System Log.

use ferrule_connector::{Extract, Failure, Fetched, Object, Record, Value};
use serde::{Deserialize, Serialize};

use crate::{
    Okta,
    client::{Client, Page, page_size, since},
    listing::name,
    removed,
};

/// Where the next page starts.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Position {
    /// The next page of groups.
    groups: Option<String>,
    /// Groups whose members are still to be read; the first one is being read.
    pending: Vec<Group>,
    /// The next page of its members.
    members: Option<String>,
    /// Groups and members are read; who left is next.
    removed: bool,
    /// The next page of those.
    log: Option<String>,
}

/// A group whose members are to be read.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Group {
    id: String,
    name: String,
    changed_at: String,
}

/// Fetches one page: of groups, of one group's members, or of those who left.
pub(crate) async fn fetch(request: &Extract<'_, Okta>) -> Result<Fetched, Failure> {
    let client = Client::new(&request.context, request.rules)?;
    let mut position: Position = match request.position {
        Value::Null => Position::default(),
        other => other.to().map_err(|e| Failure::invalid(format!("position of the page: {e}")))?,
    };
    let since = since(request)?;
    let wants_removed = request.source.deletes && since.is_some();
    if position.removed {
        let log = position.log.take();
        let since = since.as_deref().unwrap_or_default();
        let mut fetched = removed::members(request, &client, since, log).await?;
        fetched.next = match fetched.next {
            Some(log) => {
                let log = log.as_str().map(str::to_owned);
                Some(written(&Position { removed: true, log, ..Position::default() })?)
            }
            None => None,
        };
        return Ok(fetched);
    }
    let (origin, records) = if position.pending.is_empty() {
        let page = groups(request, &client, position.groups.take(), since.as_deref()).await?;
        position.pending = changed(request, &page)?;
        position.groups = page.next;
        (page.origin, Vec::new())
    } else {
        members(request, &client, &mut position).await?
    };
    let is_over = position.pending.is_empty() && position.groups.is_none();
    position.removed = is_over && wants_removed;
    let next = if is_over && !wants_removed { None } else { Some(written(&position)?) };
    Ok(Fetched { origin, records, next, ..Fetched::default() })
}

async fn groups(
    request: &Extract<'_, Okta>,
    client: &Client<'_>,
    link: Option<String>,
    since: Option<&str>,
) -> Result<Page, Failure> {
    if let Some(link) = link {
        return client.follow(&link).await;
    }
    let size = page_size(request);
    let filter = since.map(|since| format!("lastMembershipUpdated ge \"{since}\""));
    let mut parameters = vec![("limit", size.as_str())];
    parameters.extend(filter.as_deref().map(|filter| ("filter", filter)));
    client.list(&["groups"], &parameters).await
}

/// Returns the groups of a page whose members are wanted.
fn changed(request: &Extract<'_, Okta>, page: &Page) -> Result<Vec<Group>, Failure> {
    let wanted = &request.source.groups;
    let groups =
        page.items.iter().filter(|group| wanted.is_empty() || wanted.contains(&name(group)));
    let text = |group: &Value, key: &str| {
        let text = group.get(key).and_then(Value::as_str).map(str::to_owned);
        text.ok_or_else(|| Failure::unavailable("okta", format!("a group without {key}")))
    };
    groups
        .map(|group| {
            let (id, changed_at) = (text(group, "id")?, text(group, "lastMembershipUpdated")?);
            Ok(Group { id, name: name(group), changed_at })
        })
        .collect()
}

/// Reads a page of the first pending group, and takes the group off when it was the last one.
async fn members(
    request: &Extract<'_, Okta>,
    client: &Client<'_>,
    position: &mut Position,
) -> Result<(String, Vec<Record>), Failure> {
    let Some(group) = position.pending.first().cloned() else {
        return Err(Failure::invalid("position of the page: no group"));
    };
    let page = if let Some(link) = position.members.take() {
        client.follow(&link).await?
    } else {
        let steps = ["groups", group.id.as_str(), "users"];
        client.list(&steps, &[("limit", &page_size(request))]).await?
    };
    position.members = page.next;
    if position.members.is_none() {
        position.pending.remove(0);
    }
    let records = page.items.iter().zip(1..).map(|(user, line)| {
        let text = |value: Option<&Value>| value.cloned().unwrap_or(Value::Null);
        let user_id = user.get("id").and_then(Value::as_str).unwrap_or_default();
        let login = user.get("profile").and_then(|profile| profile.get("login"));
        let mut member = membership(&group.id, user_id, &group.changed_at);
        member.insert("group", Value::from(group.name.as_str()));
        member.insert("login", text(login));
        member.insert("status", text(user.get("status")));
        Record { line, value: member.into(), ..Record::default() }
    });
    Ok((page.origin, records.collect()))
}

/// Starts the record of a membership.
pub(crate) fn membership(group_id: &str, user_id: &str, changed_at: &str) -> Object {
    let mut member = Object::new();
    member.insert("id", Value::from(format!("{group_id}:{user_id}")));
    member.insert("group_id", Value::from(group_id));
    member.insert("user_id", Value::from(user_id));
    member.insert("changed_at", Value::from(changed_at));
    member
}

fn written(position: &Position) -> Result<Value, Failure> {
    Value::of(position).map_err(|e| Failure::invalid(e.to_string()))
}
