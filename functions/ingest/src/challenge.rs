//! Answers a vendor that asks whether this address is ours.

use ferrule_core::{
    Object, Value,
    path::Path,
    recipe::{Asked, Challenge, Recipe, Unsigned},
};
use http::{HeaderMap, Method};

use crate::{
    reply::{Answer, Reply},
    verify::only,
};

/// Longer than what any vendor sends, and too short to be of use to anybody else.
const MAX_ECHO_BYTES: usize = 1024;

/// What can be asked with.
#[derive(Clone, Copy)]
pub(crate) struct Request<'r> {
    pub(crate) method: &'r Method,
    pub(crate) headers: &'r HeaderMap,
    pub(crate) query: &'r str,
}

/// Answers a challenge that comes before the vendor signs anything.
pub(crate) fn unsigned(recipe: &Recipe, request: Request<'_>) -> Option<Reply> {
    let asked = match *request.method {
        Method::GET => Unsigned::Get,
        Method::POST => Unsigned::Post,
        _ => return None,
    };
    let challenges = recipe.challenges.iter();
    let mut challenges = challenges.filter(|challenge| challenge.unsigned == Some(asked));
    challenges.find_map(|challenge| answer(challenge, request, &Value::Null))
}

/// Answers a challenge of a sender that has proved who it is.
pub(crate) fn signed(recipe: &Recipe, request: Request<'_>, body: &Value) -> Option<Reply> {
    let mut challenges = recipe.challenges.iter().filter(|one| one.unsigned.is_none());
    challenges.find_map(|challenge| answer(challenge, request, body))
}

fn answer(challenge: &Challenge, request: Request<'_>, body: &Value) -> Option<Reply> {
    let known = match challenge.asked()? {
        Asked::Header(name) => only(request.headers, name).ok()??.into(),
        Asked::Query(name) => only_query(request.query, name)?,
        Asked::Field(path) => Path::parse(path).ok()?.find(body)?.clone(),
    };
    let is_asked = match &challenge.is {
        Some(is) => *is == known,
        None => !known.is_null() && known.as_str() != Some(""),
    };
    if !is_asked {
        return None;
    }
    let Some(echo) = &challenge.echo else {
        return Some(Reply::Answer(challenge.status, Answer::Nothing));
    };
    let repeated = match &echo.from {
        Some(path) => Path::parse(path).ok()?.find(body)?.as_str()?.to_owned(),
        None => known.as_str()?.to_owned(),
    };
    if repeated.len() > MAX_ECHO_BYTES || repeated.chars().any(char::is_control) {
        return None;
    }
    let answer = match &echo.key {
        Some(key) => Answer::Json(Object::from_iter([(key.as_str(), Value::from(repeated))])),
        None => Answer::Text(repeated),
    };
    Some(Reply::Answer(challenge.status, answer))
}

/// Returns what stands in the query under a name; nothing when it is there twice.
fn only_query(query: &str, name: &str) -> Option<Value> {
    let mut values = url::form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == name);
    let (_, value) = values.next()?;
    values.next().is_none().then(|| (&*value).into())
}
