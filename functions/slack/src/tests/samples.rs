//! The samples in `events/slack` name the definitions beside them: without that, invoking the
//! function with one of them by hand finds nothing.

use std::{collections::BTreeMap, fs, path::Path};

use ferrule_core::{
    Message, Task,
    document::{self, Catalog, Document},
};

/// Content addresses by name.
fn definitions(folder: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(folder.join("definitions.yaml")).unwrap();
    let documents = document::load(&text, &Catalog::new()).unwrap();
    let integrations = documents.iter().filter(|one| matches!(one, Document::Integration(_)));
    integrations.map(|one| (one.name().to_string(), one.hash().unwrap().to_string())).collect()
}

#[test]
fn every_sample_is_of_a_definition_beside_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/slack");
    let definitions = definitions(&folder);
    let mut stale = Vec::new();
    for case in ["critical", "routine", "digest", "thread", "resolved"] {
        let message = Message::decode(&ferrule_testing::body(&format!("slack/{case}.json")));
        let Message { envelope, task } = message.unwrap();
        assert!(matches!(task, Task::Load(batch) if batch.recipient == Some(0)));
        let wanted = &definitions[envelope.integration.as_str()];
        if envelope.definition.as_str() != wanted {
            stale.push(format!("events/slack/{case}.json has to say definition {wanted}"));
        }
    }
    assert!(stale.is_empty(), "{stale:#?}");
}
