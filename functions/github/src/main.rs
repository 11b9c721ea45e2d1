//! Lambda entry point for the GitHub connector.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), ferrule_lambda::Error> {
    ferrule_connector::serve(github::GitHub::default()).await
}
