//! A notification as an issue: the first of a matter opens it, later ones are comments, the one that
//! ends the matter closes it.

use ferrule_connector::{Call, Failure, Notify, Object, Receipt, Value};
use ferrule_core::Notification;

use crate::{
    GitHub,
    client::Client,
    known::{self, Known, Matter, Standing, has, marker},
    markdown::{self, comment_body, issue_body},
};

/// Tells through an issue.
pub(crate) async fn tell(
    client: &Client<'_>,
    notify: &Notify<'_, GitHub>,
) -> Result<Receipt, Failure> {
    let (target, note) = (notify.target, notify.notification);
    let what = note.thread.as_deref().unwrap_or(&note.id);
    let matter = Matter::new(client, &target.repository, what);
    let (there, rev) = match matter.standing().await? {
        Standing::New(rev) => (None, rev),
        Standing::There { number, rev, .. } => (read(client, number).await?, Some(rev)),
    };
    match there {
        Some(issue) if has(&issue, &marker(&note.id)) => {
            keep(&matter, &issue).await?;
            if note.resolved && is_open(&issue) {
                close(client, &issue).await?;
            }
            Ok(receipt(&issue))
        }
        Some(issue) if is_open(&issue) || note.resolved => {
            keep(&matter, &issue).await?;
            comment(client, &issue, notify).await?;
            if note.resolved && is_open(&issue) {
                close(client, &issue).await?;
            }
            Ok(receipt(&issue))
        }
        // A closed matter that comes up again is a new one.
        _ => {
            matter.begin(rev).await?;
            let body = issue_body(note, &[matter.marker(), &marker(&note.id)]);
            let issue = open(client, notify, &body).await?;
            keep(&matter, &issue).await?;
            if note.resolved {
                close(client, &issue).await?;
            }
            Ok(receipt(&issue))
        }
    }
}

async fn keep(matter: &Matter<'_>, issue: &Value) -> Result<(), Failure> {
    matter.keep(&Known { number: known::number(issue), ..Known::default() }).await
}

/// Reads an issue; `None` when it was deleted or moved to where we cannot look.
async fn read(client: &Client<'_>, number: i64) -> Result<Option<Value>, Failure> {
    let call = Call::get(client.url(&["issues", &number.to_string()]));
    let answer = client.send(call.accept(404).accept(410)).await?;
    if answer.is_accepted { Ok(None) } else { answer.json().map(Some) }
}

async fn open(
    client: &Client<'_>,
    notify: &Notify<'_, GitHub>,
    body: &str,
) -> Result<Value, Failure> {
    let (target, note) = (notify.target, notify.notification);
    let mut issue = Object::new();
    issue.insert("title", Value::from(markdown::title(&note.title)));
    issue.insert("body", Value::from(body));
    for (key, list) in [("labels", &target.labels), ("assignees", &target.assignees)] {
        if !list.is_empty() {
            let list: Vec<Value> = list.iter().map(|one| Value::from(one.as_str())).collect();
            issue.insert(key, Value::from(list));
        }
    }
    client.write(Call::post(client.url(&["issues"])), issue).await
}

/// Adds a comment, unless an earlier attempt has: comments have no key of their own.
async fn comment(
    client: &Client<'_>,
    issue: &Value,
    notify: &Notify<'_, GitHub>,
) -> Result<(), Failure> {
    let note = notify.notification;
    let number = known::number(issue).unwrap_or_default().to_string();
    let steps = ["issues", number.as_str(), "comments"];
    let marker = marker(&note.id);
    if notify.again && has_comment(client, &steps, note, &marker).await? {
        return Ok(());
    }
    let mut comment = Object::new();
    comment.insert("body", Value::from(comment_body(note, &marker)));
    client.write(Call::post(client.url(&steps)), comment).await.map(drop)
}

async fn has_comment(
    client: &Client<'_>,
    steps: &[&str],
    note: &Notification,
    marker: &str,
) -> Result<bool, Failure> {
    // A comment is younger than what it tells of; clocks differ.
    let since_ms = note.at.saturating_sub(3_600_000).max(0);
    let since = jiff::Timestamp::from_millisecond(since_ms)
        .map_err(|e| Failure::invalid(format!("the time of the notification: {e}")))?;
    let since = since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let parameters = [("since", since.as_str()), ("per_page", "100")];
    let comments = client.list(steps, &parameters).await?;
    Ok(comments.iter().any(|comment| has(comment, marker)))
}

async fn close(client: &Client<'_>, issue: &Value) -> Result<(), Failure> {
    let number = known::number(issue).unwrap_or_default().to_string();
    let mut change = Object::new();
    change.insert("state", Value::from("closed"));
    change.insert("state_reason", Value::from("completed"));
    let call = Call::patch(client.url(&["issues", number.as_str()]));
    client.write(call, change).await.map(drop)
}

fn is_open(issue: &Value) -> bool {
    issue.get("state").and_then(Value::as_str) == Some("open")
}

fn receipt(issue: &Value) -> Receipt {
    let url = issue.get("html_url").and_then(Value::as_str).map(str::to_owned);
    Receipt { reference: known::number(issue).map(|number| format!("#{number}")), url }
}
