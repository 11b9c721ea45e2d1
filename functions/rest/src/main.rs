//! Lambda entry point for the REST connector.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), ferrule_lambda::Error> {
    ferrule_connector::serve(rest::Rest::default()).await
}
