//! Is somebody there, and do they know us? Nothing is posted.

use ferrule_connector::{Answer, Context, Failure, Health, Value};
use serde_json::json;

use crate::{Slack, api::Api, fault};

/// What a webhook says to a message without anything in it, when it would take a real one.
const EMPTY: [&str; 4] =
    ["no_text", "invalid_payload", "missing_text_or_fallback_or_attachments", "invalid_blocks"];

/// What the connector can use beside posting.
const LOOKING: [&str; 4] = ["channels:history", "groups:history", "im:history", "mpim:history"];

pub(crate) async fn check(context: &Context<'_, Slack>) -> Result<Health, Failure> {
    let api = Api::new(context, &[]);
    let message = if api.has_token() {
        let (answer, me) = api.look("auth.test").await?;
        who(&answer, &me)?
    } else {
        hook(context, api).await?
    };
    Ok(Health { message })
}

fn who(answer: &Answer, content: &Value) -> Result<String, Failure> {
    let text = |key: &str| content.get(key).and_then(Value::as_str).unwrap_or("?");
    let me = format!("signed in as {} of {}", text("user"), text("team"));
    let Some(scopes) = answer.header("x-oauth-scopes") else { return Ok(me) };
    let scopes: Vec<&str> = scopes.split(',').map(str::trim).collect();
    if !scopes.contains(&"chat:write") {
        let reason = format!("{me}, but without the scope chat:write: give it to the app");
        return Err(Failure::rejected("slack", reason));
    }
    let looks = scopes.iter().any(|scope| LOOKING.contains(scope));
    let more = if looks { "" } else { "; without channels:history a repeat can double a message" };
    Ok(format!("{me}, may post{more}"))
}

/// Sends a message without anything in it: Slack refuses it with a word, which says that the webhook
/// is there. Whether the next message gets through cannot be told without posting it.
async fn hook(context: &Context<'_, Slack>, api: Api<'_>) -> Result<String, Failure> {
    let answer = api.hook_answer(&json!({})).await?;
    if answer.status == 400 && EMPTY.contains(&answer.text().trim()) {
        return Ok("the incoming webhook is there; nothing was posted to try it".to_owned());
    }
    fault::word(context.http.service(), &answer)?;
    Ok("the incoming webhook answers ok".to_owned())
}
