//! How a source is read page by page.
//!
//! A position is all that is needed to ask for a page: it travels in a queue message and survives a
//! crash. `null` is the first page.

mod kind;
mod link;

use ferrule_core::{Failure, Value, path::Path};
use http::HeaderMap;
pub use kind::{Cursor, Keyset, LinkInBody, Offset, PageNumber, Paging};
use url::Url;

/// How a page is asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    /// With these parameters.
    Params(Vec<(String, Value)>),
    /// At this address.
    At(Url),
}

/// A page that has come, as far as paging is concerned.
pub struct Came<'a> {
    /// Where it was asked for.
    pub url: &'a Url,
    /// Its position.
    pub position: &'a Value,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its body.
    pub body: &'a Value,
    /// Its records.
    pub records: &'a [Value],
}

impl Paging {
    /// Says how to ask for the page at `position`; `base` is where all pages are.
    pub fn ask(&self, base: &Url, position: &Value, size: usize) -> Result<Ask, Failure> {
        let mut params = Vec::new();
        let mut add = |name: &str, value: Value| params.push((name.to_owned(), value));
        let (param, size_param) = match self {
            Self::None => (None, None),
            Self::LinkHeader | Self::LinkInBody(_) => match position.as_str() {
                Some(link) => return linked(base, base, link).map(Ask::At),
                None => (None, None),
            },
            Self::Cursor(how) => (Some(&how.param), how.size_param.as_ref()),
            Self::Keyset(how) => (Some(&how.param), how.size_param.as_ref()),
            Self::Offset(how) => (Some(&how.param), how.size_param.as_ref()),
            Self::Page(how) => (Some(&how.param), how.size_param.as_ref()),
        };
        match (param, position, self) {
            (Some(param), Value::Null, Self::Page(how)) => add(param, Value::from(how.first)),
            (Some(param), Value::Null, Self::Offset(_)) => add(param, Value::from(0)),
            (None, ..) | (_, Value::Null, _) => {}
            (Some(param), position, _) => add(param, position.clone()),
        }
        if let Some(param) = size_param {
            add(param, Value::from(i64::try_from(size).unwrap_or(i64::MAX)));
        }
        Ok(Ask::Params(params))
    }

    /// Says where the next page starts; `None` at the end.
    ///
    /// A link to another host is refused: our credentials would go there. So is a page that leads
    /// to itself.
    pub fn next(&self, came: &Came<'_>) -> Result<Option<Value>, Failure> {
        let next = match self {
            Self::None => None,
            Self::Cursor(how) => cursor(how, came)?,
            Self::LinkHeader => position_of(came, link::next_link(came.headers))?,
            Self::LinkInBody(how) => position_of(
                came,
                found(&how.from, came.body)?.and_then(|link| link.as_str().map(str::to_owned)),
            )?,
            Self::Offset(how) => offset(how, came)?,
            Self::Page(how) => page(how, came)?,
            Self::Keyset(how) => match came.records.last() {
                None => None,
                Some(last) => Some(last_key(how, last)?),
            },
        };
        if next.as_ref() == Some(came.position) {
            return Err(looped());
        }
        Ok(next)
    }
}

fn looped() -> Failure {
    Failure::coded("PAGING_LOOP", "the next page is the same page again")
}

fn cursor(how: &Cursor, came: &Came<'_>) -> Result<Option<Value>, Failure> {
    if let Some(more) = &how.more
        && found(more, came.body)?.and_then(|more| more.as_bool()) == Some(false)
    {
        return Ok(None);
    }
    Ok(found(&how.from, came.body)?.filter(|value| match value {
        Value::String(text) => !text.is_empty(),
        Value::Number(_) => true,
        _ => false,
    }))
}

fn offset(how: &Offset, came: &Came<'_>) -> Result<Option<Value>, Failure> {
    let got = i64::try_from(came.records.len()).unwrap_or(i64::MAX);
    let next = came.position.as_i64().unwrap_or(0).saturating_add(got);
    let total = total(how.total.as_ref(), came)?;
    // A page can be shorter than asked for without being the last: only an empty one ends.
    Ok((got > 0 && total.is_none_or(|total| next < total)).then(|| Value::from(next)))
}

fn page(how: &PageNumber, came: &Came<'_>) -> Result<Option<Value>, Failure> {
    let next = came.position.as_i64().unwrap_or(how.first).saturating_add(1);
    let last = total(how.pages.as_ref(), came)?
        .map(|pages| pages.saturating_add(how.first).saturating_sub(1));
    let is_end = came.records.is_empty() || last.is_some_and(|last| next > last);
    Ok((!is_end).then(|| Value::from(next)))
}

fn last_key(how: &Keyset, last: &Value) -> Result<Value, Failure> {
    let missing = || Failure::coded("PAGING", format!("the last record has no {}", how.field));
    found(&how.field, last)?.filter(|key| !key.is_null()).ok_or_else(missing)
}

fn total(path: Option<&String>, came: &Came<'_>) -> Result<Option<i64>, Failure> {
    let Some(path) = path else { return Ok(None) };
    Ok(found(path, came.body)?.and_then(|total| match &total {
        Value::String(text) => text.parse().ok(),
        other => other.as_i64(),
    }))
}

fn found(path: &str, value: &Value) -> Result<Option<Value>, Failure> {
    Ok(Path::parse(path).map_err(Failure::invalid)?.find(value).cloned())
}

/// A position is kept without host: what is not there cannot lead elsewhere.
fn position_of(came: &Came<'_>, link: Option<String>) -> Result<Option<Value>, Failure> {
    let Some(link) = link.filter(|link| !link.is_empty()) else { return Ok(None) };
    let next = linked(came.url, came.url, &link)?;
    if next == *came.url {
        return Err(looped());
    }
    let place = &next[url::Position::BeforePath..url::Position::AfterQuery];
    // Two slashes would name a host.
    let place = if place.starts_with("//") { format!("/.{place}") } else { place.to_owned() };
    Ok(Some(Value::from(place)))
}

fn linked(base: &Url, from: &Url, link: &str) -> Result<Url, Failure> {
    let refused = |reason: String| Failure::coded("URL_REFUSED", reason);
    let url = from.join(link).map_err(|e| refused(format!("the next page has no address: {e}")))?;
    if url.origin() != base.origin() || !url.username().is_empty() || url.password().is_some() {
        let host = url.host_str().unwrap_or("nowhere");
        return Err(refused(format!("the next page is elsewhere, at {host}")));
    }
    Ok(url)
}

#[cfg(test)]
mod tests;
