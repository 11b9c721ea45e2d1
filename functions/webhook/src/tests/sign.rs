use std::{fs, path::Path};

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

use super::*;
use crate::sign::Keys;

/// A key pair of the project's own test suite.
const PRIVATE: &str =
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
const PUBLIC: &str = "1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";

fn sign(secret: Value, id: &str, at: i64, body: &str) -> Result<String, Failure> {
    let secret: Secret = typed(secret);
    Ok(Keys::read(Some(&secret))?.sign(id, at, body))
}

#[test]
fn signs_as_the_published_vectors_say() {
    let file = "../../../shared/payloads/_signatures/vectors.json";
    let Ok(text) = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)) else { return };
    let vectors: Vec<Value> = serde_json::from_slice(&text).unwrap();
    let ours = |v: &&Value| v["headers"]["webhook-id"].is_string() && v["valid"] == true;
    let mut seen = 0;
    for vector in vectors.iter().filter(ours) {
        let header = |name: &str| vector["headers"][name].as_str().unwrap();
        let at = header("webhook-timestamp").parse().unwrap();
        let secret = json!({ "secret": vector["secret"] });
        let body = vector["body"].as_str().unwrap();
        let signature = sign(secret, header("webhook-id"), at, body).unwrap();
        assert!(header("webhook-signature").split(' ').any(|one| one == signature), "{vector}");
        seen += 1;
    }
    assert!(seen > 0);
}

#[test]
fn a_private_key_signs_what_its_public_key_verifies() {
    let signature = sign(json!({ "secret": PRIVATE }), "msg_1", 1_614_265_330, "{}").unwrap();
    let bytes = STANDARD.decode(signature.strip_prefix("v1a,").unwrap()).unwrap();
    let public = UnparsedPublicKey::new(&ED25519, STANDARD.decode(PUBLIC).unwrap());
    public.verify(b"msg_1.1614265330.{}", &bytes).unwrap();
    assert!(public.verify(b"msg_1.1614265331.{}", &bytes).is_err());
}

#[test]
fn a_seed_alone_is_a_private_key_too() {
    let whole = STANDARD.decode(PRIVATE.strip_prefix("whsk_").unwrap()).unwrap();
    let seed = format!("whsk_{}", STANDARD.encode(&whole[..32]));
    let text = |secret: &str| sign(json!({ "secret": secret }), "a", 1, "{}").unwrap();
    assert_eq!(text(&seed), text(PRIVATE));
}

#[test]
fn every_key_signs_while_one_replaces_another() {
    let new = "whsec_dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q=";
    let both = sign(json!({ "secrets": [new, KEY, PRIVATE] }), "a", 1, "{}").unwrap();
    let one = |key: &str| sign(json!({ "secret": key }), "a", 1, "{}").unwrap();
    assert_eq!(both, [one(new), one(KEY), one(PRIVATE)].join(" "));
}

#[test]
fn a_key_that_proves_nothing_is_refused_and_not_shown() {
    let short = "whsec_c2hvcnQ=";
    let other = format!("whsk_{}", STANDARD.encode([7; 64]));
    for secret in [
        json!({}),
        json!({ "secrets": [] }),
        json!({ "secret": short }),
        json!({ "secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7o!" }),
        json!({ "secret": "C2FVsBQIhrscChlQIMV+b5sSYspob7oD" }),
        json!({ "secret": "whsk_C2FVsBQIhrscChlQIMV+b5sSYspob7oD" }),
        json!({ "secret": other }),
        json!({ "secrets": [KEY, KEY, KEY, KEY, KEY] }),
    ] {
        let failure = sign(secret.clone(), "a", 1, "{}").unwrap_err();
        assert_eq!(failure.code(), "SECRET", "{secret}");
        let text = failure.to_string();
        assert!(!text.contains("C2FVs") && !text.contains("c2hvc"), "{text}");
    }
}
