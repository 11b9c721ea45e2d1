//! Lambda entry point for the ServiceNow connector.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), ferrule_lambda::Error> {
    ferrule_connector::serve(servicenow::ServiceNow::default()).await
}
