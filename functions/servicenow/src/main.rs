//! Lambda entry point for the ServiceNow connector.

#[tokio::main]
async fn main() -> Result<(), ferrule_lambda::Error> {
    ferrule_connector::serve(servicenow::ServiceNow::default()).await
}
