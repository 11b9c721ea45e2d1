//! The promises of every connector.

use ferrule_testing::suite::{Promise, Suite};
use records::Records;

#[tokio::test]
async fn keeps_its_promises() {
    Suite::new(Records)
        .not_http("the hub's own tables")
        .source(r#"{"table": "tickets"}"#)
        .target(r#"{"table": "tickets"}"#)
        .without(Promise::Secret, "the tables are read with the function's own role")
        .without(Promise::Credential, "there is none to be bad")
        .without(Promise::DeadHost, "there is no host to name")
        .run()
        .await;
}
