//! Lambda entry point for the records connector.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), ferrule_lambda::Error> {
    ferrule_connector::serve(records::Records).await
}
