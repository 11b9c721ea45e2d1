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

/// The vendor's payloads are not part of the repository; without them this test has nothing to say.
#[test]
fn every_event_of_github_is_mapped_by_expressions_alone() {
    let text = include_str!("../../../../infra/examples/github-events.yaml");
    let documents = load(text, &Catalog::new()).unwrap();
    let [Document::Connection(_), Document::Integration(integration)] = &documents[..] else {
        panic!("{documents:?}")
    };
    let engine = Engine::compile(integration).unwrap();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/payloads/github");
    let Ok(files) = std::fs::read_dir(folder) else {
        println!("skipped: {folder} is not there");
        return;
    };
    for file in files.map(Result::unwrap).filter(|file| file.file_name() != "SOURCES.json") {
        let name = file.file_name().into_string().unwrap();
        let kind = name.split('.').next().unwrap();
        let Value::Object(mut body) =
            crate::json::parse(&std::fs::read(file.path()).unwrap()).unwrap()
        else {
            panic!("{name}")
        };
        let headers =
            [("x-github-event", kind.into()), ("x-github-delivery", name.as_str().into())];
        body.insert("headers", Value::Object(headers.into_iter().collect()));
        let Verdict::Mapped(row) = engine.apply(&Value::Object(body)) else { panic!("{name}") };
        assert_eq!(row.key.as_deref(), Some(&*name));
        let text = |key: &str| row.value.get(key).and_then(Value::as_str).unwrap_or_default();
        assert_eq!(text("kind"), kind);
        for key in ["repository", "sender", "link"] {
            assert!(!text(key).is_empty(), "{name} has no {key}: {}", row.value);
        }
    }
}
