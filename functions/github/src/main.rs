//! Lambda entry point for the GitHub connector.

#[tokio::main]
async fn main() -> Result<(), ferrule_lambda::Error> {
    ferrule_connector::serve(github::GitHub::default()).await
}
