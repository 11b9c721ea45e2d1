//! Decides what is to be done for one record: look first, then say how and where.

use ferrule_connector::{Failure, Record};
use ferrule_core::{definition::Mode, path::Path};
use http::Method;

use super::Writing;
use crate::{
    address::{Blanks, fill, plain},
    settings::{Format, Lookup, Write},
};

/// What is to be done for one record.
pub(super) enum Place {
    /// A call.
    At(Spot),
    /// Nothing: an earlier delivery did it.
    AlreadyThere,
    /// Nothing: there is no such record.
    Absent,
}

/// How and where one record is written.
pub(super) struct Spot {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) is_new: bool,
    pub(super) is_removal: bool,
}

impl Writing<'_> {
    /// Decides how and where a record is written.
    pub(super) async fn place(&self, record: &Record) -> Result<Place, Failure> {
        let target = self.load.target;
        let is_removal = record.deleted || self.load.mode == Mode::Delete;
        let blanks = Blanks { record: Some(record), value: &record.value, id: None };
        let Some(lookup) = &target.lookup else {
            let (method, is_new) = match self.load.mode {
                _ if is_removal => (Method::DELETE, false),
                Mode::Upsert => (method(target.method, Method::PUT), false),
                Mode::Update | Mode::Delete => (method(target.method, Method::PATCH), false),
                Mode::Insert => (method(target.method, Method::POST), true),
            };
            let path = fill(&target.path, &blanks)?;
            return Ok(Place::At(Spot { method, path, is_new, is_removal }));
        };
        match (self.find(lookup, record).await?, self.load.mode) {
            // An earlier delivery wrote it: a second insert would double it.
            (Some(_), Mode::Insert) => Ok(Place::AlreadyThere),
            (Some(id), _) => {
                let blanks = Blanks { id: Some(&id), ..blanks };
                let method =
                    if is_removal { Method::DELETE } else { method(lookup.method, Method::PATCH) };
                let path = fill(&lookup.update, &blanks)?;
                Ok(Place::At(Spot { method, path, is_new: false, is_removal }))
            }
            (None, Mode::Upsert | Mode::Insert) if !is_removal => {
                let path = fill(&target.path, &blanks)?;
                let method = method(target.method, Method::POST);
                Ok(Place::At(Spot { method, path, is_new: true, is_removal }))
            }
            (None, _) => Ok(Place::Absent),
        }
    }

    /// Looks a record up; `None` when the target does not have it.
    async fn find(&self, lookup: &Lookup, record: &Record) -> Result<Option<String>, Failure> {
        let blanks = Blanks { record: Some(record), value: &record.value, id: None };
        let url = self.caller.url(&fill(&lookup.path, &blanks)?)?;
        let id = Path::parse(&lookup.id).map_err(|error| Failure::coded("SETTINGS", error))?;
        let headers = &self.load.target.headers;
        let call = self.caller.call(Method::GET, url, headers, Format::Json.accept());
        let answer = self.caller.send(call.accept(404)).await?;
        if answer.status == 404 {
            return Ok(None);
        }
        Ok(id.find(&answer.json()?).and_then(plain))
    }
}

pub(super) fn method(write: Option<Write>, usual: Method) -> Method {
    match write {
        None => usual,
        Some(Write::Post) => Method::POST,
        Some(Write::Put) => Method::PUT,
        Some(Write::Patch) => Method::PATCH,
    }
}
