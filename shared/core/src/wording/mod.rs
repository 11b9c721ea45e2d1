//! How a record becomes a notification: what the definition says, and what its type suggests.

mod by_type;

use jiff::Timestamp;

use crate::{
    Field, Notification, Value,
    definition::{Message, Urgency},
    expr::Expr,
    template::Template,
};

/// What a record is called that is no event.
const RECORD: &str = "record";

/// The texts of a definition, compiled. What it does not say is as the type of the event suggests.
#[derive(Debug, Clone, Default)]
pub struct Wording {
    title: Option<Template>,
    text: Option<Template>,
    fields: Option<Vec<(Box<str>, Expr)>>,
    thread: Option<Expr>,
    resolved: Option<Expr>,
}

impl Wording {
    /// Reads the texts of a definition; the error is one sentence for the person who wrote them.
    pub fn compile(message: Option<&Message>) -> Result<Self, String> {
        let Some(message) = message else { return Ok(Self::default()) };
        let template = |text: &Option<String>| text.as_deref().map(Template::compile).transpose();
        let expr = |text: &Option<String>| text.as_deref().map(Expr::compile).transpose();
        let field = |(name, code): (&String, &String)| -> Result<_, String> {
            Ok((name.as_str().into(), Expr::compile(code)?))
        };
        let fields = message.fields.as_ref().map(|fields| fields.iter().map(field).collect());
        Ok(Self {
            title: template(&message.title)?,
            text: template(&message.text)?,
            fields: fields.transpose()?,
            thread: expr(&message.thread)?,
            resolved: expr(&message.resolved)?,
        })
    }

    /// Writes the notification of a record. `at` is when it came, should it not say when it
    /// happened. An expression that fails does not hold the notification back: it is as without it,
    /// and a field says why.
    pub fn notification(&self, record: &Value, at: i64, urgency: Urgency) -> Notification {
        let text = |key: &str| record.get(key).and_then(Value::as_str);
        let kind = text("type").unwrap_or(RECORD);
        let mut wrong = Vec::new();
        let thread = said(self.thread.as_ref().map(|expr| expr.first(record)), &mut wrong);
        let thread = match thread {
            Some(thread) => thread.filter(|thread| !thread.is_null()).map(plain),
            None => by_type::thread(kind, record),
        };
        let resolved = said(self.resolved.as_ref().map(|expr| expr.is_true(record)), &mut wrong);
        let title = said(self.title.as_ref().map(|title| title.render(record)), &mut wrong);
        let body = said(self.text.as_ref().map(|text| text.render(record)), &mut wrong);
        let mut fields = match &self.fields {
            Some(fields) => written(fields, record, &mut wrong),
            None => by_type::fields(kind, record),
        };
        fields.extend(wrong.into_iter().map(|why| Field {
            name: "Message cannot be written as defined".into(),
            value: Value::from(why),
        }));
        Notification {
            kind: kind.to_owned(),
            at: text("time").and_then(millis).unwrap_or(at),
            subject: text("subject").unwrap_or_default().to_owned(),
            title: one_line(&title.unwrap_or_else(|| by_type::title(kind, record))),
            text: body.or_else(|| by_type::text(kind, record)).filter(|text| !text.is_empty()),
            fields,
            urgency,
            thread,
            resolved: resolved.unwrap_or_else(|| by_type::resolves(kind)),
            record: record.clone(),
            ..Notification::default()
        }
    }
}

/// What an expression says; nothing when it fails, which is noted.
fn said<T>(result: Option<Result<T, String>>, wrong: &mut Vec<String>) -> Option<T> {
    match result? {
        Ok(value) => Some(value),
        Err(why) => {
            wrong.push(why);
            None
        }
    }
}

fn written(fields: &[(Box<str>, Expr)], record: &Value, wrong: &mut Vec<String>) -> Vec<Field> {
    let value = |(name, expr): &(Box<str>, Expr)| {
        let value = said(Some(expr.first(record)), wrong)??;
        Some(Field { name: name.to_string(), value })
    };
    fields.iter().filter_map(value).collect()
}

/// A text as it stands, all else as JSON.
fn plain(value: Value) -> String {
    match value {
        Value::String(text) => text.to_string(),
        other => other.to_string(),
    }
}

/// A title has one line, whatever the values in it hold.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn millis(time: &str) -> Option<i64> {
    time.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

#[cfg(test)]
mod tests;
