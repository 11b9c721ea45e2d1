//! Looks things up that records name, each once in a while.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use ferrule_connector::{Failure, Value};
use ferrule_core::path::Path;
use http::Method;

use crate::{
    address::{Blanks, fill},
    call::Caller,
    settings::{Format, Reference},
};

/// Most answers that a process keeps.
const MOST: usize = 1000;

/// How long they are good.
const GOOD: Duration = Duration::from_mins(15);

/// Answers by whose they are and where they are from, each with the moment it was read.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    kept: Mutex<HashMap<String, (i64, Value)>>,
}

impl Cache {
    fn find(&self, key: &str, now_ms: i64) -> Option<Value> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (read_at_ms, value) = kept.get(key)?;
        is_good(*read_at_ms, now_ms).then(|| value.clone())
    }

    fn keep(&self, key: String, now_ms: i64, value: Value) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST {
            kept.retain(|_, (read_at_ms, _)| is_good(*read_at_ms, now_ms));
        }
        if kept.len() >= MOST
            && let Some(oldest) = kept.iter().min_by_key(|(_, (at, _))| *at).map(|(k, _)| k.clone())
        {
            kept.remove(&oldest);
        }
        kept.insert(key, (now_ms, value));
    }
}

fn is_good(read_at_ms: i64, now_ms: i64) -> bool {
    u64::try_from(now_ms - read_at_ms).is_ok_and(|age| Duration::from_millis(age) < GOOD)
}

/// Puts what `references` find into a record.
pub(crate) async fn enrich(
    caller: &Caller<'_>,
    cache: &Cache,
    references: &[Reference],
    record: &mut Value,
) -> Result<(), Failure> {
    for reference in references {
        let found = look_up(caller, cache, reference, record).await?;
        if let Value::Object(object) = record {
            object.insert(reference.into.as_str(), found);
        }
    }
    Ok(())
}

async fn look_up(
    caller: &Caller<'_>,
    cache: &Cache,
    reference: &Reference,
    record: &Value,
) -> Result<Value, Failure> {
    let take = Path::parse(&reference.take).map_err(|error| Failure::coded("SETTINGS", error))?;
    let path = match fill(&reference.path, &Blanks { record: None, value: record, id: None }) {
        Ok(path) => path,
        // The record names nothing: there is nothing to find.
        Err(failure) if failure.code() == "KEY" => return Ok(Value::Null),
        Err(failure) => return Err(failure),
    };
    let context = caller.context;
    let (url, now_ms) = (caller.url(&path)?, context.store.clock.now_ms());
    let key = format!("{} {} {url}", context.tenant, context.connection);
    if let Some(known) = cache.find(&key, now_ms) {
        return Ok(take.find(&known).cloned().unwrap_or_default());
    }
    let call = caller.call(Method::GET, url, &BTreeMap::new(), Format::Json.accept());
    let answer = caller.send(call.accept(404)).await?;
    let value = if answer.status == 404 { Value::Null } else { answer.json()? };
    let found = take.find(&value).cloned().unwrap_or_default();
    cache.keep(key, now_ms, value);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_a_thousand_answers_and_drops_the_oldest() {
        let cache = Cache::default();
        for at in 0..1500 {
            cache.keep(format!("{at}"), at, Value::from(at));
        }
        assert_eq!(cache.kept.lock().unwrap().len(), MOST);
        assert_eq!(cache.find("499", 1500), None);
        assert_eq!(cache.find("500", 1500), Some(Value::from(500)));
    }

    #[test]
    fn an_answer_is_good_for_a_quarter_of_an_hour() {
        let cache = Cache::default();
        cache.keep("k".into(), 0, Value::from(1));
        assert!(cache.find("k", 899_999).is_some());
        assert!(cache.find("k", 900_000).is_none());
    }
}
