//! Fetches one page.

use ferrule_connector::{
    Call, Extract, Failure, Fetched, Mark, Record, Value,
    paging::{self, Came, Paging},
};
use http::Method;
use jiff::Timestamp;
use url::Url;

use crate::{
    Rest,
    address::{origin, plain},
    body::Place,
    call::Caller,
    reference::{self, Cache},
    settings::{Ask, Since},
    unchanged::{self, Kept},
};

pub(crate) async fn page(asked: &Extract<'_, Rest>, cache: &Cache) -> Result<Fetched, Failure> {
    let (context, source) = (&asked.context, asked.source);
    let caller = Caller::new(context, asked.rules);
    let paging = source.paging.as_ref().unwrap_or(&context.settings.profile.paging);
    let call = call(asked, &caller, paging)?;
    let url = call.url().clone();
    let answer = fetch(asked, &caller, call).await?;
    let body = source.format.read(&answer)?;
    let place = Place::new(&source.records)?;
    let came = Came {
        url: &url,
        position: asked.position,
        headers: &answer.headers,
        body: &body,
        records: place.find(&answer, &body)?,
    };
    let key = context.settings.profile.auth.query_param();
    let next = paging.next(&came)?.map(|next| without_key(next, paging, key));
    let mut values = place.take(body);
    for value in &mut values {
        reference::enrich(&caller, cache, &source.lookups, value).await?;
    }
    let records = values.into_iter().zip(1..).map(|(value, line)| Record {
        line,
        value,
        ..Record::default()
    });
    Ok(Fetched { origin: origin(&url), records: records.collect(), next, ..Fetched::default() })
}

/// Describes the call of a page.
fn call<'c>(
    asked: &'c Extract<'_, Rest>,
    caller: &Caller<'c>,
    paging: &Paging,
) -> Result<Call<'c>, Failure> {
    let source = asked.source;
    let mut url = caller.url(&source.path)?;
    for (name, value) in &source.query {
        url.query_pairs_mut().append_pair(name, value);
    }
    let size = source.page_size.map_or(asked.page_size, usize::from).clamp(1, 1000);
    let mut params = match paging.ask(&url, asked.position, size)? {
        paging::Ask::Params(params) => params,
        paging::Ask::At(next) => {
            url = next;
            Vec::new()
        }
    };
    let is_first_address = asked.position.is_null() || !is_linked(paging);
    if let (Some(since), Some(mark), true) = (&source.since, asked.since, is_first_address) {
        params.push((since.param.clone(), bound(since, mark)?));
    }
    let (method, in_body) = match source.method {
        Ask::Get => (Method::GET, false),
        Ask::Post => (Method::POST, source.body.is_some()),
    };
    if !in_body {
        params.drain(..).for_each(|(name, value)| set(&mut url, &name, &value));
    }
    let call = caller.call(method, url, &source.headers, source.format.accept());
    Ok(match &source.body {
        Some(body) if in_body => call.json(&with(body, params)),
        _ => call,
    })
}

fn is_linked(paging: &Paging) -> bool {
    matches!(paging, Paging::LinkHeader | Paging::LinkInBody(_))
}

/// Sends the call; when the page is unchanged, gives what it was.
async fn fetch(
    asked: &Extract<'_, Rest>,
    caller: &Caller<'_>,
    call: Call<'_>,
) -> Result<ferrule_connector::Answer, Failure> {
    let (context, source) = (&asked.context, asked.source);
    if !source.conditional || source.method != Ask::Get {
        return caller.send(call).await;
    }
    let key = unchanged::key(context.connection.as_str(), call.url().as_str());
    let kept = Kept::read(context.store, context.tenant, &key).await;
    let call = match &kept {
        Some(kept) => kept.ask(call),
        None => call,
    };
    let mut answer = caller.send(call).await?;
    match kept {
        Some(kept) if answer.status == 304 => kept.restore(&mut answer),
        _ => {
            // Only what can be read is worth keeping.
            source.format.read(&answer)?;
            unchanged::keep(context.store, context.tenant, &key, &answer).await?;
        }
    }
    Ok(answer)
}

/// Sets a parameter, whatever it was before.
fn set(url: &mut Url, name: &str, value: &Value) {
    let others = url.query_pairs().into_owned().filter(|(other, _)| other != name);
    let others: Vec<(String, String)> = others.collect();
    let text = plain(value).unwrap_or_default();
    url.query_pairs_mut().clear().extend_pairs(others).append_pair(name, &text);
}

fn with(body: &Value, params: Vec<(String, Value)>) -> Value {
    let mut body = body.clone();
    if let Value::Object(object) = &mut body {
        for (name, value) in params {
            object.insert(name, value);
        }
    }
    body
}

/// Writes the bound as the vendor wants it.
fn bound(since: &Since, mark: &Mark) -> Result<Value, Failure> {
    let wrong = |e: jiff::Error| Failure::coded("SETTINGS", format!("format of since: {e}"));
    let value = match (mark, since.format.as_deref()) {
        (Mark::Time(micros), Some("unix")) => Value::from(micros.div_euclid(1_000_000)),
        (Mark::Time(micros), Some("unix_ms")) => Value::from(micros.div_euclid(1000)),
        (Mark::Time(micros), Some(format)) => {
            let time = Timestamp::from_microsecond(*micros).map_err(wrong)?;
            Value::from(jiff::fmt::strtime::format(format, time).map_err(wrong)?)
        }
        (mark, _) => Value::from(mark.to_string()),
    };
    Ok(match (&since.template, plain(&value)) {
        (Some(template), Some(text)) => Value::from(template.replace("{since}", &text)),
        _ => value,
    })
}

/// A vendor can repeat our key in the address of the next page; positions lie in queues.
fn without_key(next: Value, paging: &Paging, key: Option<&str>) -> Value {
    let (Some(key), Some(link), true) = (key, next.as_str(), is_linked(paging)) else {
        return next;
    };
    let Some((path, query)) = link.split_once('?') else { return next };
    let pairs = url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != key);
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    Value::from(if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") })
}
