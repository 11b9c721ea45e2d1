//! Lambda entry point for the REST connector.

#[tokio::main]
async fn main() -> Result<(), ferrule_lambda::Error> {
    ferrule_connector::serve(rest::Rest::default()).await
}
