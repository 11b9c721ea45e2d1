use ferrule_core::{
    document::{Catalog, Document, load},
    engine::{Engine, Verdict},
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use crate::{
    run::{fuzz, piece, spoilt},
    sample, text,
};

const YAML: &str = "- ¦: ¦? ¦{¦}¦[¦]¦,¦&a ¦*a¦!!str ¦!x ¦|\n¦>-\n¦\n¦\n  ¦  ¦'¦\"¦#¦---\n¦...\n¦null¦~¦\
    1e999¦-1¦0¦1.5¦99999999999999999999¦[]¦{}¦${¦${.a}¦.a | ¦2d¦0s¦\u{feff}¦\t¦\r\n¦\
    * * * * *¦0 0 31 2 *¦UTC¦Europe/Berlin¦%Y-%m-%d¦true¦<<: ¦\\u0041¦map:¦from: ¦expr: ¦\
    type: int¦type: datetime¦pattern: ¦(a+)+$¦a{99}{99}¦split: ¦match: ¦*.x.*¦!¦every: ¦\
    cron: ¦schedule: ¦webhook: ¦notify: ¦else: ¦lookup: ¦concat: ¦const: ¦default: ¦\
    status: ¦5xx¦retry: ¦tests: ";

/// What a definition that is accepted must fulfil.
fn is_sound(document: &Document) -> TestCaseResult {
    let canonical = document.to_value().unwrap().to_string();
    let again = load(&canonical, &Catalog::new());
    prop_assert!(again.is_ok(), "{canonical}: {again:?}");
    prop_assert_eq!(again.unwrap()[0].hash(), document.hash());
    if let Document::Integration(integration) = document {
        let engine = Engine::compile(integration);
        prop_assert!(engine.is_ok(), "{:?}", engine.err());
        if let Verdict::Refused(refusal) = engine.unwrap().apply(&sample()) {
            prop_assert!(!refusal.message.is_empty() && refusal.message.len() < 5_000);
        }
    }
    Ok(())
}

fn definitions(text: &str) -> TestCaseResult {
    match load(text, &Catalog::new()) {
        Ok(documents) => documents.iter().try_for_each(is_sound),
        Err(problems) => {
            prop_assert!(!problems.is_empty());
            for problem in problems {
                let length = problem.message.len();
                prop_assert!((1..20_000).contains(&length), "{length}: {text}");
            }
            Ok(())
        }
    }
}

#[test]
fn definitions_are_read_or_refused_in_words() {
    let good = ["incidents", "changes", "github-events"].map(|name| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/examples");
        std::fs::read(format!("{folder}/{name}.yaml")).unwrap()
    });
    fuzz("definitions", spoilt(good.to_vec(), YAML), |bytes| definitions(&text(&bytes)));
}

#[test]
fn any_text_of_yaml_is_read_or_refused_in_words() {
    let pieces = vec(piece(YAML), 0..60).prop_map(|pieces| pieces.concat());
    fuzz("YAML", prop_oneof![pieces, "\\PC{0,80}"], |text| definitions(&text));
}
