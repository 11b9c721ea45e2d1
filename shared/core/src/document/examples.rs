//! The shipped examples read well and do on real input what they say.

use super::*;
use crate::engine::{Engine, Verdict};

const INCIDENTS: &str = include_str!("../../../../infra/examples/incidents.yaml");

fn incidents() -> Integration {
    let documents = load(INCIDENTS, &Catalog::new()).unwrap_or_else(|problems| {
        let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
        panic!("{}", lines.join("\n"))
    });
    let integration = documents.into_iter().find_map(|document| match document {
        Document::Integration(integration) => Some(*integration),
        Document::Connection(_) => None,
    });
    integration.unwrap()
}

#[test]
fn every_shipped_example_reads_well_and_passes_its_own_tests() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/examples");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let documents = load(&text, &Catalog::new());
        for document in documents.unwrap_or_else(|problems| panic!("{path:?}: {problems:#?}")) {
            if let Document::Integration(integration) = document {
                assert_eq!(integration.run_examples().unwrap(), [], "{path:?}");
            }
        }
    }
}

#[test]
fn the_main_job_passes_its_own_tests() {
    assert_eq!(incidents().run_examples().unwrap(), []);
}

/// The shared data is not part of the repository; without it this test has nothing to say.
#[test]
fn the_main_job_maps_every_row_of_the_real_export() {
    let path =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/servicenow_incidents.csv");
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("skipped: {path} is not there");
        return;
    };
    let engine = Engine::compile(&incidents()).unwrap();
    let mut lines = text.lines();
    let columns: Vec<_> = lines.next().unwrap().split(',').collect();
    let mut keys = std::collections::HashSet::new();
    let mut mapped = 0;
    for line in lines {
        // No field of this export is quoted: checked here, so that splitting is reading.
        assert!(!line.contains('"'));
        let fields: Vec<_> = line.split(',').collect();
        assert_eq!(fields.len(), columns.len(), "{line}");
        let record = columns.iter().zip(fields).map(|(name, field)| (*name, field.into()));
        match engine.apply(&Value::Object(record.collect())) {
            Verdict::Mapped(row) => {
                assert!(row.version.unwrap().as_i64().is_some());
                keys.insert(row.key.unwrap());
                mapped += 1;
            }
            other => panic!("{line}: {other:?}"),
        }
    }
    assert_eq!((mapped, keys.len()), (5998, 890));
}
