use super::*;

fn trigger(text: &str) -> WebhookTrigger {
    serde_json::from_str(text).unwrap()
}

fn problem(text: &str) -> Problem {
    Recipe::of(&trigger(text)).unwrap_err().remove(0)
}

#[test]
fn every_shipped_recipe_is_sound() {
    assert!(SHIPPED.len() >= 15, "the file of shipped recipes is not readable");
    for name in SHIPPED.keys() {
        let trigger = trigger(&format!(r#"{{"recipe": "{name}"}}"#));
        assert!(Recipe::of(&trigger).is_ok(), "{name}: {:?}", Recipe::of(&trigger));
    }
}

#[test]
fn a_signature_replaces_keys_of_a_recipe() {
    let text = r#"{"recipe": "hmac_sha256_hex", "signature": {"header": "X-Ours", "prefix": ""}}"#;
    let recipe = Recipe::of(&trigger(text)).unwrap();
    assert_eq!((&*recipe.header, &*recipe.prefix), ("X-Ours", ""));
    assert_eq!(recipe.id.as_deref(), Some("x-delivery-id"));
}

#[test]
fn an_unknown_recipe_is_refused_with_a_suggestion() {
    let problem = problem(r#"{"recipe": "standard_webhook"}"#);
    assert_eq!(problem.path, "trigger.webhook.recipe");
    assert_eq!(problem.suggestion.as_deref(), Some("standard_webhooks"));
}

#[test]
fn a_webhook_that_nobody_signs_is_refused() {
    assert_eq!(problem("{}").path, "trigger.webhook");
}

#[test]
fn what_would_make_a_signature_worthless_is_refused() {
    for (signature, path) in [
        (r#"{"header": "X-A", "signed": "hello"}"#, "signed"),
        (r#"{"header": "X-A", "signed": "{timestamp}{body}"}"#, "signed"),
        (r#"{"header": "X-A", "timestamp": {"header": "X-T"}}"#, "signed"),
        (r#"{"header": "X-A", "signed": "{id}{body}"}"#, "signed"),
        (r#"{"header": "X-A", "signed": "{bdoy}"}"#, "signed"),
        (r#"{"header": "X-A\r\nX-B"}"#, "header"),
        (r#"{"header": "X-A", "id_field": "id"}"#, "id_field"),
        (
            r#"{"algorithm": "static", "header": "X-A", "timestamp": {"header": "X-T"}}"#,
            "timestamp",
        ),
        (r#"{"signed": "{body}"}"#, "header"),
        (r#"{"header": "X-A", "algorithm": "ed25519"}"#, "secret"),
        (r#"{"header": "X-A", "algorithm": "ecdsa_p256", "secret": "base64"}"#, "encoding"),
        (r#"{"algorithm": "body_token"}"#, "token"),
        (r#"{"header": "X-A", "token": "t"}"#, "token"),
        (r#"{"header": "X-A", "records": "value"}"#, "records"),
        (
            r#"{"header": "X-A", "also": {"algorithm": "static", "prefix": "a", "key": "k"}}"#,
            "also.algorithm",
        ),
        (
            r#"{"header": "X-A", "also": {"algorithm": "ed25519", "prefix": "", "key": "k"}}"#,
            "also",
        ),
        (r#"{"header": "X-A", "challenges": [{}]}"#, "challenges"),
        (r#"{"header": "X-A", "challenges": [{"header": "a", "query": "b"}]}"#, "challenges"),
        (r#"{"header": "X-A", "challenges": [{"unsigned": "post", "field": ".a"}]}"#, "challenges"),
        (r#"{"header": "X-A", "challenges": [{"query": "a", "status": 302}]}"#, "challenges"),
    ] {
        let found = problem(&format!(r#"{{"signature": {signature}}}"#));
        assert_eq!(found.path, format!("trigger.webhook.signature.{path}"), "{found}");
    }
    let misspelt = problem(r#"{"signature": {"haeder": "X-A"}}"#);
    assert!(misspelt.message.contains("unknown field `haeder`"), "{misspelt}");
    let wide = r#"{"signature": {"header": "A", "signed": "{timestamp}{body}",
                   "timestamp": {"header": "T", "tolerance": "2h"}}}"#;
    assert_eq!(problem(wide).path, "trigger.webhook.signature.timestamp.tolerance");
}

#[test]
fn a_body_limit_above_the_hubs_own_is_refused() {
    assert_eq!(
        problem(r#"{"recipe": "github", "max_bytes": 2000000}"#).path,
        "trigger.webhook.max_bytes"
    );
    assert_eq!(trigger(r#"{"recipe": "github"}"#).body_limit(), MAX_WEBHOOK_BYTES);
}

#[test]
fn a_header_that_can_hold_a_secret_is_not_for_records() {
    let asking = |header: &str| {
        let text = format!(r#"{{"recipe": "jira", "headers": ["x-ok", "{header}"]}}"#);
        Recipe::of(&trigger(&text)).map_err(|mut problems| problems.remove(0).path)
    };
    for secret in
        ["Authorization", "cookie", "X-Gitlab-Token", "x-hub-signature", "X-Api-Key", "no name"]
    {
        assert_eq!(asking(secret).unwrap_err(), "trigger.webhook.headers[1]", "{secret}");
    }
    for open in ["x-github-event", "X-Gitlab-Event", "idempotency-key"] {
        assert!(asking(open).is_ok(), "{open}");
    }
}
