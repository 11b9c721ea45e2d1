//! Users and groups: one list, then what the System Log says is gone.

use ferrule_connector::{Extract, Failure, Fetched, Record, Value};
use serde::{Deserialize, Serialize};

use crate::{
    Okta, Read,
    client::{Client, page_size, since},
    removed,
};

/// Before everything: a filter by time also returns deactivated users, which a list without filter
/// leaves out.
const EVER: &str = "1970-01-01T00:00:00.000Z";

/// Where the next page starts.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Position {
    /// The link that Okta gave.
    link: Option<String>,
    /// The list is read; what is gone is next.
    removed: bool,
}

/// Fetches one page.
pub(crate) async fn fetch(request: &Extract<'_, Okta>) -> Result<Fetched, Failure> {
    let client = Client::new(&request.context, request.rules)?;
    let position: Position = match request.position {
        Value::Null => Position::default(),
        other => other.to().map_err(|e| Failure::invalid(format!("position of the page: {e}")))?,
    };
    let since = since(request)?;
    if position.removed {
        let since = since.as_deref().unwrap_or(EVER);
        let mut fetched = removed::things(request, &client, since, position.link).await?;
        fetched.next = fetched.next.map(|link| at(link.as_str(), true)).transpose()?;
        return Ok(fetched);
    }
    let kind = match request.source.read {
        Read::Groups => "groups",
        Read::Users | Read::Memberships => "users",
    };
    let page = if let Some(link) = &position.link {
        client.follow(link).await?
    } else {
        let filter = format!("lastUpdated ge \"{}\"", since.as_deref().unwrap_or(EVER));
        let parameters = [("filter", filter.as_str()), ("limit", &page_size(request))];
        client.list(&[kind], &parameters).await?
    };
    let next = match page.next {
        Some(link) => Some(at(Some(&link), false)?),
        None if request.source.deletes && since.is_some() => Some(at(None, true)?),
        None => None,
    };
    let wanted = page.items.into_iter().zip(1..).filter(|(item, _)| is_wanted(request, item));
    let records = wanted.map(|(value, line)| Record { line, value, ..Record::default() }).collect();
    Ok(Fetched { origin: page.origin, records, next, ..Fetched::default() })
}

fn at(link: Option<&str>, removed: bool) -> Result<Value, Failure> {
    let link = link.map(str::to_owned);
    Value::of(&Position { link, removed }).map_err(|e| Failure::invalid(e.to_string()))
}

fn is_wanted(request: &Extract<'_, Okta>, item: &Value) -> bool {
    let names = &request.source.groups;
    request.source.read != Read::Groups || names.is_empty() || names.contains(&name(item))
}

/// Returns the name of a group.
pub(crate) fn name(group: &Value) -> String {
    let name = group.get("profile").and_then(|profile| profile.get("name"));
    name.and_then(Value::as_str).unwrap_or_default().to_owned()
}
