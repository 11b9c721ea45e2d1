//! Says how a value does not fit its schema: in our words, which show no values.

use boon::{ErrorKind, InstanceToken, ValidationError};
use serde_json::Value as Json;

use super::{misfit::Fit, place::under};
use crate::{Object, Value, definition::Problem};

/// Most problems that are told of one value: whoever mends fifty finds the others afterwards.
pub(super) const MOST_PROBLEMS: usize = 50;

/// Most names that a problem lists.
const MOST_NAMES: usize = 20;

/// Finds how `settings`, which stand at `at`, do not fit a connector's schema.
pub(super) fn find(settings: &Object, schema: &Value, at: &str) -> Vec<Problem> {
    match Fit::new(schema) {
        Ok(fit) => fit.problems(&Value::Object(settings.clone()), at),
        Err(error) => vec![Problem::new(at, format!("of the connector's schema: {error}"))],
    }
}

/// Says where in the schema the rule stands that is not kept, such as `/properties/port/type`.
pub(super) fn rule(error: &ValidationError<'_, '_>) -> String {
    let place = error.schema_url.split_once('#').map_or("", |(_, place)| place);
    match error.kind.keyword_path() {
        // The library forgets the plural.
        Some(_) if matches!(error.kind, ErrorKind::AdditionalProperties { .. }) => {
            format!("{place}/additionalProperties")
        }
        Some(keyword) => format!("{place}/{keyword}"),
        None => place.to_owned(),
    }
}

/// Says what one error means for the person who wrote the value that is called `at`.
pub(super) fn problems(error: &ValidationError<'_, '_>, schema: &Json, at: &str) -> Vec<Problem> {
    let path = path(at, &error.instance_location.tokens);
    match &error.kind {
        ErrorKind::AdditionalProperties { got } => {
            let known = beside(schema, &rule(error));
            got.iter().take(MOST_PROBLEMS).map(|wrong| unknown(&path, wrong, &known)).collect()
        }
        ErrorKind::Required { want } => want
            .iter()
            .map(|key| Problem::new(&*path, format!("the key {key} is missing")))
            .collect(),
        ErrorKind::FalseSchema => vec![forbidden(error, schema, at, path)],
        kind => vec![Problem::new(path, sentence(kind).replace('"', "'"))],
    }
}

/// What may not be here: a key that nobody knows, or one that is forbidden.
fn forbidden(error: &ValidationError<'_, '_>, schema: &Json, at: &str, here: String) -> Problem {
    let rule = rule(error);
    let tokens = &error.instance_location.tokens;
    match tokens.split_last() {
        Some((InstanceToken::Prop(key), above)) if rule.ends_with("/unevaluatedProperties") => {
            unknown(&path(at, above), key, &beside(schema, &rule))
        }
        _ => Problem::new(here, "this may not be here"),
    }
}

fn sentence(kind: &ErrorKind<'_, '_>) -> String {
    use ErrorKind as E;
    match kind {
        E::Type { want, .. } => {
            let names: Vec<_> = want.iter().map(|one| format!("'{one}'")).collect();
            match names.as_slice() {
                [one] => format!("this is not of type {one}"),
                many => format!("this is none of the types {}", many.join(", ")),
            }
        }
        E::Enum { want } => {
            let values: Vec<_> = want.iter().map(Json::to_string).collect();
            format!("this is not one of {}", values.join(", "))
        }
        E::Const { want } => format!("this is not {want}"),
        E::Format { want, .. } => format!("this is not written as {want}"),
        E::Pattern { want, .. } => format!("this does not match {want}"),
        E::Minimum { want, .. } => format!("this is less than {want}"),
        E::Maximum { want, .. } => format!("this is more than {want}"),
        E::ExclusiveMinimum { want, .. } => format!("this is not more than {want}"),
        E::ExclusiveMaximum { want, .. } => format!("this is not less than {want}"),
        E::MultipleOf { want, .. } => format!("this is no multiple of {want}"),
        E::MinLength { want, .. } => format!("this is shorter than {want} characters"),
        E::MaxLength { want, .. } => format!("this is longer than {want} characters"),
        E::AnyOf | E::OneOf(None) => "this fits none of the forms that it may have".to_owned(),
        E::OneOf(Some(_)) => "this fits two of the forms of which it may have one".to_owned(),
        E::Not => "this has a form that it may not have".to_owned(),
        of_many => sentence_of_many(of_many),
    }
}

/// Says what is wrong with lists and objects.
fn sentence_of_many(kind: &ErrorKind<'_, '_>) -> String {
    use ErrorKind as E;
    match kind {
        E::MinItems { want, .. } => format!("this has fewer than {want} elements"),
        E::MaxItems { want, .. } => format!("this has more than {want} elements"),
        E::AdditionalItems { got } => format!("this has {got} elements too many"),
        E::UniqueItems { got: [one, two] } => {
            format!("elements {one} and {two} of this are the same")
        }
        E::Contains | E::MinContains { .. } => {
            "too few elements of this are as some have to be".to_owned()
        }
        E::MaxContains { want, .. } => {
            format!("more than {want} elements of this are as only so many may be")
        }
        E::MinProperties { want, .. } => format!("this has fewer than {want} keys"),
        E::MaxProperties { want, .. } => format!("this has more than {want} keys"),
        E::Dependency { prop, missing } | E::DependentRequired { prop, missing } => {
            format!("the key {prop} needs the key {}", missing.join(" and "))
        }
        E::RefCycle { .. } => "the schema refers to itself without end".to_owned(),
        E::ContentEncoding { want, .. } | E::ContentMediaType { want, .. } => {
            format!("this is not written as {want}")
        }
        _ => "this does not fit its schema".to_owned(),
    }
}

fn unknown(path: &str, wrong: &str, known: &[&str]) -> Problem {
    let list = match known {
        [] => "none".to_owned(),
        some if some.len() <= MOST_NAMES => some.join(", "),
        many => format!("{} and {} more", many[..MOST_NAMES].join(", "), many.len() - MOST_NAMES),
    };
    let message = format!("there is no key {wrong:?} here; there is {list}");
    Problem::new(under(path, wrong), message).suggest(wrong, known.iter().copied())
}

/// The keys that stand beside the rule which is not kept.
fn beside<'a>(schema: &'a Json, rule: &str) -> Vec<&'a str> {
    let parent = rule.rsplit_once('/').map_or("", |(parent, _)| parent);
    let keys = schema.pointer(parent).and_then(|beside| beside.get("properties"));
    keys.and_then(Json::as_object).into_iter().flatten().map(|(key, _)| key.as_str()).collect()
}

/// `/a/0/b` becomes `source.a[0].b`.
fn path(at: &str, steps: &[InstanceToken<'_>]) -> String {
    steps.iter().fold(at.to_owned(), |path, step| match step {
        InstanceToken::Item(index) => format!("{path}[{index}]"),
        InstanceToken::Prop(key) => under(&path, key),
    })
}
