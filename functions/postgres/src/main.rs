//! Lambda entry point for the PostgreSQL connector.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), ferrule_lambda::Error> {
    ferrule_connector::serve(postgres::Postgres::default()).await
}
