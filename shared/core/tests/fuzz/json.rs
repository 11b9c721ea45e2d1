use ferrule_core::{
    Batch, Digest, Envelope, Message, Name, Page, Record, RunId, Task, Tenant, json,
};
use proptest::prelude::*;

use crate::{
    SAMPLE,
    run::{fuzz, spoilt},
    sample, text,
};

const JSON: &str = "{¦}¦[¦]¦:¦,¦\"¦\\¦\\u¦\\ud800¦\\udc00¦\\u0000¦\"a\":¦1¦-¦.¦e¦E+¦0¦00¦1e400¦\
    99999999999999999999999¦true¦false¦null¦ ¦\n¦\u{feff}¦\u{ffff}¦\u{0}¦é¦😀¦[[¦{\"a\":{¦\
    NaN¦//¦/*";

#[test]
fn json_is_read_as_it_is_or_refused_with_its_place() {
    let good =
        vec![SAMPLE.into(), b"[]".to_vec(), b"\"\\ud83d\\ude00\"".to_vec(), b"-1.50e+7".to_vec()];
    fuzz("JSON", spoilt(good, JSON), |bytes| {
        let theirs = serde_json::from_slice::<serde_json::Value>(&bytes);
        match json::parse(&bytes) {
            Ok(value) => {
                let written = value.to_string();
                prop_assert_eq!(json::parse(written.as_bytes()), Ok(value));
                let refused = |c: char| c < ' ' || matches!(c, '\u{fffe}' | '\u{ffff}');
                prop_assert!(!written.contains(refused), "a queue refuses {}", written);
            }
            Err(error) => {
                prop_assert!(error.offset() <= bytes.len());
                let words = error.to_string();
                // What serde_json takes too: the last of two, and 127 levels.
                let is_strict = words.contains("duplicate") || words.contains("deeper");
                prop_assert!(theirs.is_err() || is_strict, "{}", words);
            }
        }
        Ok(())
    });
}

fn messages() -> Vec<Vec<u8>> {
    let (tenant, name) = (Tenant::new("acme").unwrap(), Name::new("incidents-in").unwrap());
    let envelope = Envelope::new(tenant, name, Digest::of(&[b"x"]), RunId::new("run-1"));
    let record =
        |line| Record { line, key: Some("k".into()), value: sample(), ..Record::default() };
    let batch = |count| Batch { records: (1..count).map(record).collect(), ..Batch::default() };
    let tasks = [
        Task::Extract(Page { number: 3, position: sample(), full: true, sample: None }),
        Task::Transform(batch(3)),
        Task::Load(batch(40)),
        Task::Events(batch(0)),
    ];
    let encode = |task| Message { envelope: envelope.clone(), task }.encode().unwrap().into_bytes();
    tasks.map(encode).to_vec()
}

const ENVELOPE: &str = "\"v\":1¦\"v\":2¦\"v\":-1¦\"v\":1e9¦\"task\":\"load\"¦\"task\":\"note\"¦null¦[]¦{}¦\"¦,¦\
    }¦{¦\"packed\":\"AAAA\"¦\"records\":[]¦\"records\":[{}]¦////¦AAAA¦\"tenant\":\"\"¦\
    \"tenant\":\"a/b\"¦99999999999999999999¦\"seq\":-1¦\"value\":¦\\u0000";

#[test]
fn messages_are_read_given_back_or_refused() {
    fuzz("envelopes", spoilt(messages(), ENVELOPE), |bytes| {
        match Message::decode(&text(&bytes)) {
            Ok(message) => {
                let again = Message::decode(&message.encode().unwrap());
                prop_assert_eq!(again.unwrap(), message);
            }
            Err(failure) => {
                prop_assert!(matches!(failure.code(), "ENVELOPE" | "DEFERRED"), "{failure:?}");
            }
        }
        Ok(())
    });
}
