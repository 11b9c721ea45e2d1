//! Lambda entry point for the records connector.

#[tokio::main]
async fn main() -> Result<(), ferrule_lambda::Error> {
    ferrule_connector::serve(records::Records).await
}
