//! Lambda entry point for the Okta connector.

#[tokio::main]
async fn main() -> Result<(), ferrule_lambda::Error> {
    ferrule_connector::serve(okta::Okta).await
}
