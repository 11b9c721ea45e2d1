//! The samples in `events/slack` belong to the definitions beside them: without that, invoking the
//! function with one of them by hand finds nothing.

use std::{fs, path::Path, sync::Arc, time::Duration};

use ferrule_connector::{Handler, Name, Store, Tenant};
use ferrule_core::{
    Message, Task,
    document::{self, Catalog, Document},
};
use ferrule_lambda::{Delivered, Runner};
use ferrule_store::{Clock, Definitions, When};
use ferrule_testing::vendor::{Reply, Vendor};

use crate::Slack;

fn documents() -> Vec<Document> {
    let file = "../../events/slack/definitions.yaml";
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    document::load(&text, &Catalog::new()).unwrap()
}

fn body(case: &str) -> String {
    ferrule_testing::body(&format!("slack/{case}.json"))
}

#[test]
fn every_sample_is_of_a_definition_beside_it() {
    let documents = documents();
    let mut stale = Vec::new();
    for case in ["critical", "routine", "digest", "thread", "resolved"] {
        let Message { envelope, task } = Message::decode(&body(case)).unwrap();
        assert!(matches!(task, Task::Load(batch) if batch.recipient == Some(0)));
        let definition = documents.iter().find(|one| one.name() == &envelope.integration);
        let wanted = definition.unwrap().hash().unwrap();
        if envelope.definition != wanted {
            stale.push(format!("events/slack/{case}.json has to say definition {wanted}"));
        }
    }
    assert!(stale.is_empty(), "{stale:#?}");
}

/// A hub in memory that knows the definitions, and where its messages go.
async fn hub(vendor: &Vendor) -> Store {
    let store = Store::memory(Clock::manual(1_764_000_100_000));
    let tenant = Tenant::new("demo").unwrap();
    for document in documents() {
        let put = match &document {
            Document::Connection(one) => store.put_connection(&tenant, one, When::Always).await,
            Document::Integration(one) => store.put_integration(&tenant, one, When::Always).await,
        };
        put.unwrap().unwrap();
    }
    let (owner, chat) = (Name::new("slack").unwrap(), Name::new("chat").unwrap());
    let secret = format!(r#"{{"webhook_url":"{}"}}"#, vendor.url("/services/T0/B0/x"));
    assert!(store.secrets.write(&owner, &tenant, &chat, &secret, None).await.unwrap());
    store
}

#[tokio::test]
async fn a_sample_posts_once_however_often_the_function_is_invoked_with_it() {
    let vendor = Vendor::start(|_, _| Reply::ok("text/plain", "ok")).await;
    let store = hub(&vendor).await;
    let definitions = Arc::new(Definitions::new(store.clone()));
    let handler = Handler::new(Slack, store.clone(), Arc::clone(&definitions), true);
    let runner = Runner::new(handler, store, definitions);
    for _ in 0..2 {
        let delivered = runner.deliver(&body("critical"), Duration::from_mins(1)).await;
        assert_eq!(delivered, Delivered::Done);
    }
    let seen = vendor.requests();
    assert_eq!(seen.len(), 1);
    assert!(seen[0].text().contains("db2.internal"), "{}", seen[0].text());
}
