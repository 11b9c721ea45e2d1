//! Lambda entry point for the webhook connector.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), ferrule_lambda::Error> {
    ferrule_connector::serve(webhook::Webhook).await
}
