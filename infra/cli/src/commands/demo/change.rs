//! An event's way: a configuration change becomes a Slack message, a GitHub issue and a signed
//! webhook, routine changes only a digest.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ferrule_core::document::Document;
use ferrule_core::{Value, json};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::receiver::{Came, HOOK, ISSUES, Receiver, SLACK};
use crate::commands::apply;
use crate::definitions::Definitions;
use crate::hub::Hub;
use crate::output::{Grid, Lines, Output, since};
use crate::stack::{Stack, Workspace};
use crate::{Fault, operator};

const DEFINITIONS: &str = "infra/examples/changes.yaml";

/// The key that changes, before and after.
const KEY: &str = "app.database.host";
const OLD: &str = "db1.internal";
const NEW: &str = "db2.internal";

/// Keys that nobody needs to hear of at once.
const ROUTINE: [&str; 3] = ["app.banner.text", "app.theme.colour", "app.page.size"];

/// What takes longer has not come.
const PATIENCE: Duration = Duration::from_secs(90);

/// The key that signs the demo's webhook.
const SIGNING: [u8; 32] = *b"the demo signs with this own key";

/// What came of the changes.
#[derive(Debug, Default)]
pub(super) struct Way {
    messages: Vec<Came>,
    issues: Vec<Came>,
    hooks: Vec<Came>,
    /// From the change to the last of the three.
    took: Duration,
}

/// Changes values, and waits for what comes of it.
pub(super) async fn follow(
    stack: &Stack,
    workspace: &Workspace,
    hub: &Hub,
    lines: &Lines,
) -> Result<Way, Fault> {
    let receiver = Receiver::start().await?;
    apply::apply(hub, &definitions(workspace, &receiver)?).await?;
    secrets(stack, &receiver).await?;
    let line = lines.add("a change");
    set(hub, KEY, OLD, "?local_only=true").await?;
    let began = Instant::now();
    set(hub, KEY, NEW, "").await?;
    line.tell("waiting for the receivers", "");
    let all_three = || [SLACK, ISSUES, HOOK].iter().all(|path| !receiver.posts(path).is_empty());
    until(all_three).await;
    let took = began.elapsed();
    for key in ROUTINE {
        set(hub, key, "changed", "").await?;
    }
    until(|| receiver.posts(SLACK).len() >= 2).await;
    let way = Way {
        messages: receiver.posts(SLACK),
        issues: receiver.posts(ISSUES),
        hooks: receiver.posts(HOOK),
        took,
    };
    line.done(&format!("{KEY} was changed, and {} routine keys", ROUTINE.len()));
    Ok(way)
}

async fn until(came: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !came() && Instant::now() < deadline {
        crate::pause(Duration::from_millis(50)).await;
    }
}

/// Returns the example's definitions, with the receiver in place of the vendors.
fn definitions(workspace: &Workspace, receiver: &Receiver) -> Result<Definitions, Fault> {
    let mut definitions = Definitions::read_right(&[workspace.root().join(DEFINITIONS)])?;
    for document in definitions.files.iter_mut().flat_map(|file| &mut file.documents) {
        let Document::Connection(connection) = document else { continue };
        let (key, path) = match connection.connector.as_str() {
            "github" => ("api_url", ""),
            "webhook" => ("url", HOOK),
            _ => continue,
        };
        connection.settings.insert(key, Value::from(receiver.url(path)));
    }
    Ok(definitions)
}

async fn secrets(stack: &Stack, receiver: &Receiver) -> Result<(), Fault> {
    let store = operator::store(stack.details());
    let tenant = operator::tenant(super::TENANT)?;
    let key = STANDARD.encode(SIGNING);
    for (connector, connection, secret) in [
        ("slack", "chat", serde_json::json!({"webhook_url": receiver.url(SLACK)})),
        ("github", "code", serde_json::json!({"token": "demo-token"})),
        ("webhook", "audit", serde_json::json!({"secret": format!("whsec_{key}")})),
    ] {
        let (owner, name) = (operator::name(connector)?, operator::name(connection)?);
        store.secrets.write(&owner, &tenant, &name, &secret.to_string(), None).await?;
    }
    Ok(())
}

async fn set(hub: &Hub, key: &str, value: &str, query: &str) -> Result<(), Fault> {
    let body = serde_json::json!({"value": value, "environment": "prod", "reason": "the demo"});
    let body = json::parse(body.to_string().as_bytes());
    let body = body.map_err(|error| Fault::Failed(error.to_string()))?;
    hub.put(&format!("config/{key}{query}"), &body).await.map(drop)
}

impl Way {
    /// Tells whether everybody got what is for them, once.
    pub(super) fn is_right(&self) -> bool {
        self.compared().iter().all(|(_, wanted, came)| wanted == came)
    }

    fn compared(&self) -> [(&'static str, usize, usize); 4] {
        let tells = |came: &&Came| {
            let text = String::from_utf8_lossy(&came.body);
            text.contains(KEY) && text.contains(NEW)
        };
        let digests = |came: &&Came| {
            let text = String::from_utf8_lossy(&came.body);
            ROUTINE.iter().all(|key| text.contains(key)) && !text.contains(KEY)
        };
        let is_signed = |came: &&Came| {
            signature(came).is_some_and(|right| {
                came.header("webhook-signature").split(' ').any(|one| one == right)
            })
        };
        let telling = self.messages.iter().filter(tells).count();
        let digesting = self.messages.iter().filter(digests).count();
        [
            ("Slack messages about the change", 1, telling),
            ("GitHub issues about the change", 1, self.issues.iter().filter(tells).count()),
            ("webhooks with a right signature", 1, self.hooks.iter().filter(is_signed).count()),
            ("digests of the routine changes", 1, digesting),
        ]
    }

    /// Shows the change's way, and the Slack message as it came.
    pub(super) fn show(&self, output: Output) {
        let took = u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX);
        let heading = format!("A change of {KEY} reached three receivers in {}", since(took));
        let mut grid = Grid::new(["what came", "wanted", "came"]);
        for (what, wanted, came) in self.compared() {
            grid.add([what.to_owned(), wanted.to_string(), came.to_string()]);
        }
        output.table(&heading, &grid, "");
        let all = [(&self.messages, "the Slack message"), (&self.hooks, "the signed webhook")];
        for (came, what) in all {
            let Some(came) = came.first() else { continue };
            output.line(&format!("\n  {what}, as it came:\n  {} {}", came.method, came.path));
            for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
                if !came.header(name).is_empty() {
                    output.line(&format!("  {name}: {}", came.header(name)));
                }
            }
            let body: serde_json::Value = serde_json::from_slice(&came.body).unwrap_or_default();
            let body = serde_json::to_string_pretty(&body).unwrap_or_default();
            output.line(&format!("  {}", body.replace('\n', "\n  ")));
        }
    }

    pub(super) fn json(&self) -> serde_json::Value {
        let compared = self.compared();
        let compared = compared.iter().map(|(what, wanted, came)| {
            serde_json::json!({"what": what, "wanted": wanted, "came": came})
        });
        serde_json::json!({
            "compared": compared.collect::<Vec<_>>(),
            "took_ms": u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
        })
    }
}

/// Computes what the signature must be, from the standard's text.
/// <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>
fn signature(came: &Came) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&SIGNING).ok()?;
    let (id, at) = (came.header("webhook-id"), came.header("webhook-timestamp"));
    mac.update(format!("{id}.{at}.").as_bytes());
    mac.update(&came.body);
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}
