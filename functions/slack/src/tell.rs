//! Posts a message: through the webhook, or with a token, where it can be a reply, a change of an
//! earlier message, or one that is there already.

use ferrule_connector::{Failure, Notification, Notify, Receipt, Urgency, Value};
use serde::Serialize;
use tracing::warn;

use crate::{
    Slack,
    api::Api,
    blocks::Message,
    message::message,
    thread::{Place, Thread},
};

/// Type of the metadata by which our messages are found again.
const EVENT_TYPE: &str = "ferrule_notification";

/// Messages a page when our own is looked for, and the most pages.
const PAGE: &str = "200";
const PAGES: usize = 5;

/// So much may Slack's clock be behind ours.
const SKEW_SECS: i64 = 3600;

/// A message for `chat.postMessage`.
#[derive(Debug, Serialize)]
struct Post<'a> {
    channel: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread_ts: Option<&'a str>,
    #[serde(skip_serializing_if = "is_false")]
    reply_broadcast: bool,
    unfurl_links: bool,
    unfurl_media: bool,
    metadata: Metadata<'a>,
    #[serde(flatten)]
    message: Message,
}

/// A change for `chat.update`.
#[derive(Debug, Serialize)]
struct Change<'a> {
    channel: &'a str,
    ts: &'a str,
    metadata: Metadata<'a>,
    #[serde(flatten)]
    message: Message,
}

#[derive(Debug, Serialize)]
struct Metadata<'a> {
    event_type: &'a str,
    event_payload: Payload<'a>,
}

#[derive(Debug, Serialize)]
struct Payload<'a> {
    id: &'a str,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// Tells, by the way in that the target asks for.
pub(crate) async fn tell(notify: &Notify<'_, Slack>) -> Result<Receipt, Failure> {
    let api = Api::new(&notify.context, notify.rules);
    match notify.target.channel.as_deref() {
        Some(channel) if api.has_token() => Desk { notify, api, channel }.tell().await,
        None if api.has_webhook() && !notify.target.update => {
            api.hook(&message(notify.notification)).await?;
            Ok(Receipt::default())
        }
        Some(_) if api.has_webhook() => Err(settings(
            "an incoming webhook posts into its own channel: leave out `channel`, or store a \
             bot_token",
        )),
        None if notify.target.update => Err(settings(
            "`update` needs a `channel` and a bot_token: a webhook cannot change messages",
        )),
        None if api.has_token() => Err(settings("a bot_token needs to know the `channel`")),
        Some(_) | None => Err(Failure::coded(
            "SECRET",
            "the secret has neither a bot_token nor a webhook_url; store one with `ferrule secret set`",
        )),
    }
}

fn settings(reason: &str) -> Failure {
    Failure::coded("SETTINGS", reason)
}

/// A channel of a workspace where we have a token.
struct Desk<'a> {
    notify: &'a Notify<'a, Slack>,
    api: Api<'a>,
    channel: &'a str,
}

impl Desk<'_> {
    async fn tell(&self) -> Result<Receipt, Failure> {
        let Notify { context, target, notification, again, .. } = self.notify;
        let thread = Thread::of(context, target, notification.thread.as_deref());
        let first = match &thread {
            Some(thread) => thread.first().await?,
            None => None,
        };
        if let (true, Some(first)) = (target.update, &first)
            && self.change(first).await?
        {
            return Ok(receipt(first));
        }
        let reply_to = first.as_ref().filter(|_| !target.update);
        let there = if *again { self.find(reply_to).await? } else { None };
        let place = match there {
            Some(place) => place,
            None => self.post(reply_to).await?,
        };
        match &thread {
            Some(thread) if first.is_none() => thread.begin(&place).await?,
            Some(thread) if target.update => thread.begin_anew(&place).await?,
            Some(_) | None => {}
        }
        Ok(receipt(&place))
    }

    /// Posts a new message or a reply. An urgent reply is shown in the channel too: nobody may look
    /// into the thread.
    async fn post(&self, reply_to: Option<&Place>) -> Result<Place, Failure> {
        let notification = self.notify.notification;
        let post = Post {
            channel: self.channel,
            thread_ts: reply_to.map(|place| place.ts.as_str()),
            reply_broadcast: reply_to.is_some() && notification.urgency == Urgency::High,
            unfurl_links: false,
            unfurl_media: false,
            metadata: metadata(notification),
            message: message(notification),
        };
        let content = self.api.call("chat.postMessage", &post).await?;
        place(&content).ok_or_else(|| {
            let service = self.notify.context.http.service();
            Failure::unavailable(service, "posted, and did not say which message it is")
        })
    }

    /// Changes the first message; `false` when it cannot be changed any more.
    async fn change(&self, first: &Place) -> Result<bool, Failure> {
        let notification = self.notify.notification;
        let change = Change {
            channel: &first.channel,
            ts: &first.ts,
            metadata: metadata(notification),
            message: message(notification),
        };
        match self.api.call("chat.update", &change).await {
            Ok(_) => Ok(true),
            Err(Failure::Rejected { reason, .. }) if is_over(&reason) => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// Looks for our own message of an earlier attempt. Who may not look posts again.
    async fn find(&self, reply_to: Option<&Place>) -> Result<Option<Place>, Failure> {
        let Some(channel) = reply_to.map(|place| place.channel.as_str()).or(id_of(self.channel))
        else {
            return Ok(None);
        };
        let happened_secs = self.notify.notification.at.div_euclid(1000);
        let oldest = (happened_secs - SKEW_SECS).max(0).to_string();
        let mut cursor = String::new();
        for _ in 0..PAGES {
            let mut arguments = vec![
                ("channel", channel),
                ("oldest", &oldest),
                ("limit", PAGE),
                ("include_all_metadata", "true"),
            ];
            arguments.extend(reply_to.map(|place| ("ts", place.ts.as_str())));
            if !cursor.is_empty() {
                arguments.push(("cursor", &cursor));
            }
            let method =
                if reply_to.is_some() { "conversations.replies" } else { "conversations.history" };
            let page = match self.api.read(method, &arguments).await {
                Ok(page) => page,
                Err(Failure::Rejected { reason, .. }) => {
                    warn!(%reason, "cannot look for a message that may be there, posts again");
                    return Ok(None);
                }
                Err(failure) => return Err(failure),
            };
            if let Some(ts) = ours(&page, &self.notify.notification.id) {
                return Ok(Some(Place { channel: channel.to_owned(), ts }));
            }
            match next(&page) {
                Some(next) => cursor = next,
                None => break,
            }
        }
        Ok(None)
    }
}

fn metadata(notification: &Notification) -> Metadata<'_> {
    Metadata { event_type: EVENT_TYPE, event_payload: Payload { id: &notification.id } }
}

fn receipt(place: &Place) -> Receipt {
    Receipt { reference: Some(place.ts.clone()), url: None }
}

fn place(content: &Value) -> Option<Place> {
    let text = |key: &str| content.get(key).and_then(Value::as_str).map(str::to_owned);
    Some(Place { channel: text("channel")?, ts: text("ts")? })
}

/// Tells whether the message is gone or may not be changed any more.
fn is_over(reason: &str) -> bool {
    ["message_not_found", "cant_update_message", "edit_window_closed"]
        .iter()
        .any(|error| reason.starts_with(error))
}

/// Returns what is an id: a channel, a private channel, a conversation with one or several people.
fn id_of(channel: &str) -> Option<&str> {
    let is_id = channel.len() >= 9
        && channel.starts_with(['C', 'G', 'D'])
        && channel.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    is_id.then_some(channel)
}

fn ours(page: &Value, id: &str) -> Option<String> {
    let messages = page.get("messages")?.as_array()?;
    let is_ours = |message: &&Value| {
        let metadata = message.get("metadata");
        let kind = metadata.and_then(|data| data.get("event_type"));
        let payload = metadata.and_then(|data| data.get("event_payload")?.get("id"));
        kind.and_then(Value::as_str) == Some(EVENT_TYPE)
            && payload.and_then(Value::as_str) == Some(id)
    };
    messages.iter().find(is_ours)?.get("ts")?.as_str().map(str::to_owned)
}

fn next(page: &Value) -> Option<String> {
    let next = page.get("response_metadata")?.get("next_cursor")?.as_str()?;
    (!next.is_empty()).then(|| next.to_owned())
}
