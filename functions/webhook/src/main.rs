//! Lambda entry point for the webhook connector.

#[tokio::main]
async fn main() -> Result<(), ferrule_lambda::Error> {
    ferrule_connector::serve(webhook::Webhook).await
}
