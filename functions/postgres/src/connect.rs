//! Opens a connection: the host vetted, the server proved, the user signed in.

use std::time::Duration;

use ferrule_connector::{Context, Failure};
use tokio_postgres::{Client, Config, NoTls, config::SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{Postgres, Secret, failure::failure, host, session::within, tls};

/// Connecting to one address may take this long.
const CONNECT: Duration = Duration::from_secs(10);

/// Opens a connection.
pub(crate) async fn open(context: &Context<'_, Postgres>) -> Result<Client, Failure> {
    let secret: Option<&Secret> = context.secret;
    let Some(secret) = secret else {
        return Err(Failure::unauthorized(
            "postgres",
            "the connection has no secret: user, password",
        ));
    };
    let settings = context.settings;
    let tls = tls::config(&settings.tls)?;
    if tls.is_none() && !settings.private && !context.local {
        let reason = "tls.mode disable sends everything readable; it needs private: true";
        return Err(Failure::coded("TLS_SETTINGS", reason));
    }
    let mut config = Config::new();
    for address in host::resolve(settings, context.local).await? {
        config.host(&settings.host).hostaddr(address).port(settings.port);
    }
    config
        .dbname(&settings.database)
        .user(&secret.user)
        .application_name("ferrule")
        .connect_timeout(CONNECT)
        .tcp_user_timeout(CONNECT)
        .ssl_mode(if tls.is_some() { SslMode::Require } else { SslMode::Disable });
    config.password(secret.password.as_deref().unwrap_or_default());
    let limit = (CONNECT * 2).min(context.time_left);
    match tls {
        None => {
            let (client, connection) =
                within(limit, config.connect(NoTls)).await.map_err(|error| failure(&error))?;
            drop(tokio::spawn(connection));
            Ok(client)
        }
        Some(tls) => {
            let tls = MakeRustlsConnect::new(tls);
            let (client, connection) =
                within(limit, config.connect(tls)).await.map_err(|error| failure(&error))?;
            drop(tokio::spawn(connection));
            Ok(client)
        }
    }
}
