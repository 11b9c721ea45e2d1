//! Lambda entry point for the Okta connector.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), ferrule_lambda::Error> {
    ferrule_connector::serve(okta::Okta).await
}
