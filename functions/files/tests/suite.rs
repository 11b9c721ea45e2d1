//! The promises of every connector.

use ferrule_testing::suite::{Promise, Suite};
use files::Files;

#[tokio::test]
async fn keeps_its_promises() {
    let folder = std::env::temp_dir().join(format!("ferrule-suite-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("incidents.csv"), "number,state\nINC0000001,new\n").unwrap();
    Suite::new(Files::default())
        // Not "extract": its page names a file by its tag; src/tests reads it.
        .cases(&["check", "extract-first", "load"])
        .not_http("a folder on this machine; buckets and containers are proved in src/tests")
        .settings(serde_json::json!({"root": folder}))
        .source(r#"{"path": "incidents.csv"}"#)
        .target(r#"{"path": "out-{batch}.csv"}"#)
        .without(Promise::Secret, "a folder needs none")
        .without(Promise::Credential, "there is none to be bad")
        .without(
            Promise::DeadHost,
            "a folder is on this machine: a missing one is said by its name",
        )
        .run()
        .await;
    std::fs::remove_dir_all(&folder).unwrap();
}
