use std::path::Path;

use ferrule_core::{definition::WebhookTrigger, recipe::SecretForm};
use http::{HeaderName, HeaderValue};
use proptest::prelude::*;
use serde::Deserialize;

use super::*;

/// A published example of one vendor.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vector {
    scheme: String,
    secret: Option<String>,
    #[serde(default)]
    headers: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    body: String,
    clock: Option<i64>,
}

impl Vector {
    fn recipe(&self) -> Option<Recipe> {
        let name = match &*self.scheme {
            "standard-webhooks" => "standard_webhooks",
            "gitlab-token" => "gitlab",
            "gitlab-signing-token" => "gitlab_signed",
            "okta-event-hook" => "okta",
            scheme @ ("github" | "jira" | "slack") => scheme,
            _ => return None,
        };
        Some(recipe(name))
    }

    fn now(&self, recipe: &Recipe) -> i64 {
        let at = recipe.timestamp.as_ref();
        let header = at.and_then(|at| {
            self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(&at.header))
        });
        self.clock.or_else(|| header.map(|(_, text)| text.parse().unwrap())).unwrap_or_default()
    }
}

fn recipe(name: &str) -> Recipe {
    let trigger: WebhookTrigger =
        serde_json::from_str(&format!(r#"{{"recipe": "{name}"}}"#)).unwrap();
    Recipe::of(&trigger).unwrap()
}

fn headers<'a>(list: impl IntoIterator<Item = (&'a str, &'a str)>) -> HeaderMap {
    let header = |(name, value): (&str, &str)| {
        (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())
    };
    list.into_iter().map(header).collect()
}

fn key(text: &str) -> Key {
    Key::read(text, SecretForm::Text).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn mac(key: &str, text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

#[test]
fn agrees_with_every_published_vector_that_it_covers() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/payloads/_signatures/vectors.json");
    let Ok(text) = std::fs::read_to_string(&file) else {
        println!("skipped: the vendors' vectors are not at hand");
        return;
    };
    let vectors: Vec<Vector> = serde_json::from_str(&text).unwrap();
    let mut tried = 0;
    for vector in &vectors {
        let Some(recipe) = vector.recipe() else { continue };
        let keys = [Key::read(vector.secret.as_deref().unwrap(), recipe.secret).unwrap()];
        let sent = headers(vector.headers.iter().map(|(name, value)| (&**name, &**value)));
        let verdict = verify(&recipe, &keys, &sent, vector.body.as_bytes(), vector.now(&recipe));
        assert!(verdict.is_ok(), "{}: {verdict:?}", vector.scheme);
        tried += 1;
    }
    assert!(tried >= 8, "only {tried} vectors were tried");
}

#[test]
fn stripe_and_zendesk_are_data_too() {
    let (body, secret) = ("{\"id\":\"evt_1\"}", "whsec_is_text_for_stripe");
    let good = hex(&mac(secret, &format!("1700000000.{body}")));
    let field = format!("t=1700000000,v1={},v1={good},v0=beef", "0".repeat(64));
    let sent = headers([("stripe-signature", &*field)]);
    let now = 1_700_000_010;
    assert!(verify(&recipe("stripe"), &[key(secret)], &sent, body.as_bytes(), now).is_ok());
    let twice = headers([("stripe-signature", &*format!("t=1,{field}"))]);
    let verdict = verify(&recipe("stripe"), &[key(secret)], &twice, body.as_bytes(), now);
    assert_eq!(verdict, Err(Refused::Header), "two timestamps");

    let time = "2023-11-14T22:13:20Z";
    let signature = STANDARD.encode(mac(secret, &format!("{time}{body}")));
    let sent = headers([
        ("X-Zendesk-Webhook-Signature", &*signature),
        ("X-Zendesk-Webhook-Signature-Timestamp", time),
    ]);
    assert!(verify(&recipe("zendesk"), &[key(secret)], &sent, body.as_bytes(), now).is_ok());
}

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const BODY: &str = "{\"email\":\"test@example.com\",\"username\":\"test_user\"}";
const ID: &str = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";
const TIME: &str = "1649367553";
const SIGNATURE: &str = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";

fn standard(id: &[u8], time: &[u8], signature: &[u8], body: &[u8], now: i64) -> bool {
    let recipe = recipe("standard_webhooks");
    let keys = [Key::read(SECRET, recipe.secret).unwrap()];
    let named = [("webhook-id", id), ("webhook-timestamp", time), ("webhook-signature", signature)];
    let headers: Option<HeaderMap> = named
        .into_iter()
        .map(|(name, value)| {
            Some((HeaderName::from_static(name), HeaderValue::from_bytes(value).ok()?))
        })
        .collect();
    headers.is_some_and(|headers| verify(&recipe, &keys, &headers, body, now).is_ok())
}

/// Every text that differs from `text` in one bit.
fn flips(text: &str) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..text.len() * 8).map(|bit| {
        let mut bytes = text.as_bytes().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes
    })
}

#[test]
fn no_single_bit_can_be_changed() {
    let (id, time, signature, body) =
        (ID.as_bytes(), TIME.as_bytes(), SIGNATURE.as_bytes(), BODY.as_bytes());
    let now = 1_649_367_553;
    assert!(standard(id, time, signature, body, now));
    assert!(flips(ID).all(|id| !standard(&id, time, signature, body, now)));
    assert!(flips(TIME).all(|time| !standard(id, &time, signature, body, now)));
    assert!(flips(SIGNATURE).all(|signature| !standard(id, time, &signature, body, now)));
    assert!(flips(BODY).all(|body| !standard(id, time, signature, &body, now)));

    let github = recipe("github");
    let good = format!("sha256={}", hex(&mac("It's a Secret to Everybody", BODY)));
    let fits = |signature: &[u8]| {
        HeaderValue::from_bytes(signature).is_ok_and(|value| {
            let sent = [(HeaderName::from_static("x-hub-signature-256"), value)];
            let keys = [key("It's a Secret to Everybody")];
            verify(&github, &keys, &sent.into_iter().collect(), body, now).is_ok()
        })
    };
    assert!(fits(good.as_bytes()));
    assert!(flips(&good).all(|signature| !fits(&signature)));
}

#[test]
fn a_signature_cannot_be_cut_or_left_out() {
    let sent = |signature: &str| {
        let (id, time, body) = (ID.as_bytes(), TIME.as_bytes(), BODY.as_bytes());
        standard(id, time, signature.as_bytes(), body, 1_649_367_553)
    };
    for cut in 0..SIGNATURE.len() {
        assert!(!sent(&SIGNATURE[..cut]), "{cut}");
    }
    assert!(!sent(&SIGNATURE.replace("v1,", "v1a,")), "another algorithm");
    let many = format!("{SIGNATURE} ").repeat(MAX_SIGNATURES + 1);
    assert!(!sent(many.trim()), "more signatures than any sender lists");
}

#[test]
fn a_timestamp_may_be_five_minutes_off_either_way() {
    let (id, time, signature, body) =
        (ID.as_bytes(), TIME.as_bytes(), SIGNATURE.as_bytes(), BODY.as_bytes());
    for (off, fits) in [(-301, false), (-300, true), (300, true), (301, false)] {
        assert_eq!(standard(id, time, signature, body, 1_649_367_553 + off), fits, "{off}");
    }
    assert!(!standard(id, b"9223372036854775808", signature, body, 0));
}

#[test]
fn either_of_two_keys_will_do() {
    let recipe = recipe("github");
    let keys = [key("the key of last month"), key("the key of this month")];
    for (secret, fits) in
        [("the key of last month", true), ("the key of this month", true), ("another", false)]
    {
        let signature = format!("sha256={}", hex(&mac(secret, BODY)));
        let sent = headers([("x-hub-signature-256", &*signature)]);
        assert_eq!(verify(&recipe, &keys, &sent, BODY.as_bytes(), 0).is_ok(), fits, "{secret}");
    }
}

#[test]
fn a_header_that_is_there_twice_is_refused() {
    let good = format!("sha256={}", hex(&mac("It's a Secret to Everybody", BODY)));
    let mut sent = headers([("x-hub-signature-256", &*good)]);
    sent.append("x-hub-signature-256", HeaderValue::from_str(&good).unwrap());
    let keys = [key("It's a Secret to Everybody")];
    let verdict = verify(&recipe("github"), &keys, &sent, BODY.as_bytes(), 0);
    assert_eq!(verdict, Err(Refused::Header));
    let joined = headers([("x-hub-signature-256", &*format!("{good},{good}"))]);
    let verdict = verify(&recipe("github"), &keys, &joined, BODY.as_bytes(), 0);
    assert_eq!(verdict, Err(Refused::Signature), "as API Gateway joins them");
}

proptest! {
    #[test]
    fn whatever_is_not_signed_is_refused(
        signature in prop::collection::vec(0x20_u8..0x7f, 0..90), body in any::<Vec<u8>>()
    ) {
        prop_assert!(!standard(ID.as_bytes(), TIME.as_bytes(), &signature, &body, 1_649_367_553));
        let sent: HeaderMap = [(
            HeaderName::from_static("x-gitlab-token"), HeaderValue::from_bytes(&signature).unwrap()
        )].into_iter().collect();
        let verdict = verify(&recipe("gitlab"), &[key("a long enough token")], &sent, &body, 0);
        prop_assert!(verdict.is_err());
    }
}
