//! One token for all workers of a connection, fetched by one of them.
//!
//! Within a process a lock makes the others wait. Between processes a lease in the state table does;
//! whoever does not get it gives its message back for a moment. The token lies in the state table,
//! sealed with the connection's secret.

use std::{sync::Arc, time::Duration};

use ferrule_core::{Failure, Value};
use ferrule_store::{Item, Secret, Table, When};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tracing::{info, warn};
use uuid::Uuid;

use super::{Auth, Credentials, Grant, grant, read, seal};

/// How long a worker may take to fetch a token before another may try.
const LEASE_SECS: i64 = 30;

/// How long the others wait before they look again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// A token that was fetched after a 401 and is refused this soon is not fetched again.
const PATIENCE_MS: i64 = 60_000;

/// The token that this process uses, and its lock.
pub(crate) type Tokens = Arc<Mutex<Option<Token>>>;

/// A token in use. It has no `Debug`.
#[derive(Clone)]
pub(crate) struct Token {
    access: String,
    row: Row,
}

/// What the state table holds.
#[derive(Clone, Serialize, Deserialize)]
struct Row {
    sealed: String,
    fetched_at_ms: i64,
    expires_at_ms: i64,
    /// The one before it was refused with a 401.
    after_refusal: bool,
}

impl Auth<'_> {
    /// Returns a token; another one than `refused` when there is one to be had.
    pub(super) async fn token(
        &self,
        grant: &Grant,
        refused: Option<&str>,
    ) -> Result<String, Failure> {
        let mut held = self.http.tokens().lock().await;
        if let Some(token) = held.as_ref().filter(|token| self.is_good(token, refused)) {
            return Ok(token.access.clone());
        }
        let secret = self.secret(refused.is_some()).await?;
        let token = match self.shared(&read(&secret)?).await? {
            Some(token) if self.is_good(&token, refused) => token,
            Some(token) if self.is_hopeless(&token, refused) => return Ok(token.access),
            _ => self.fetch_alone(grant, refused).await?,
        };
        let access = token.access.clone();
        *held = Some(token);
        Ok(access)
    }

    fn is_good(&self, token: &Token, refused: Option<&str>) -> bool {
        token.row.expires_at_ms > self.store.clock.now_ms() && refused != Some(&token.access)
    }

    /// A new token does not help: it is not the token that they mind.
    fn is_hopeless(&self, token: &Token, refused: Option<&str>) -> bool {
        let age_ms = self.store.clock.now_ms() - token.row.fetched_at_ms;
        refused == Some(&token.access) && token.row.after_refusal && age_ms < PATIENCE_MS
    }

    /// Fetches a token while no other worker does.
    async fn fetch_alone(&self, grant: &Grant, refused: Option<&str>) -> Result<Token, Failure> {
        let lease = self.lease()?;
        let (pk, sk) = (lease.pk.clone(), lease.sk.clone());
        if !self.store.tables.put(Table::State, lease, When::Absent).await?.is_done() {
            let reason = format!("another worker fetches a token for {}", self.connection);
            return Err(Failure::Deferred { reason, wait: LOOK_AGAIN });
        }
        let token = self.fetch(grant, refused).await;
        if let Err(failure) = self.store.tables.delete(Table::State, &pk, &sk, When::Always).await {
            warn!(code = failure.code(), "cannot end the token lease; it ends by itself");
        }
        token
    }

    async fn fetch(&self, grant: &Grant, refused: Option<&str>) -> Result<Token, Failure> {
        let stored = self.secret(true).await?;
        let mut secret = read(&stored)?;
        // Somebody may have been quicker between our look and our lease.
        if let Some(token) = self.shared(&secret).await?.filter(|t| self.is_good(t, refused)) {
            return Ok(token);
        }
        let granted = grant::fetch(self.http, self.scheme, grant, &secret).await?;
        if let Some(refresh) = granted.refresh {
            self.keep_refresh_token(stored, &refresh).await?;
            secret.refresh_token = Some(refresh);
        }
        let now_ms = self.store.clock.now_ms();
        let lasts_ms = i64::try_from(granted.lasts.as_millis()).unwrap_or(0);
        let row = Row {
            sealed: seal::seal(&secret, &self.place(), &granted.access).unwrap_or_default(),
            fetched_at_ms: now_ms,
            expires_at_ms: now_ms + lasts_ms,
            after_refusal: refused.is_some(),
        };
        info!(connection = %self.connection, after_refusal = row.after_refusal, "fetched a token");
        let expires = row.expires_at_ms.div_euclid(1000) + 1;
        let item = Item::new(self.tenant.as_str(), self.place(), &row)?.with_expiry(expires);
        self.store.tables.put(Table::State, item, When::Always).await?;
        Ok(Token { access: granted.access, row })
    }

    /// Reads the shared token; `None` when there is none that this secret opens.
    async fn shared(&self, secret: &Credentials) -> Result<Option<Token>, Failure> {
        let place = self.place();
        let item = self.store.tables.get(Table::State, self.tenant.as_str(), &place).await?;
        let Some(row) = item.and_then(|item| item.read::<Row>().ok()) else { return Ok(None) };
        let access = seal::open(secret, &place, &row.sealed);
        Ok(access.map(|access| Token { access, row }))
    }

    /// Writes a rotated refresh token back before anything depends on it. When somebody has put
    /// in another secret meanwhile, theirs stays.
    async fn keep_refresh_token(&self, mut stored: Secret, refresh: &str) -> Result<(), Failure> {
        let used = read(&stored)?.refresh_token;
        for _ in 0..3 {
            let body = with_refresh_token(&stored, refresh)?;
            let (owner, expected) = (&self.owner, Some(stored.version.as_str()));
            let write =
                self.store.secrets.write(owner, self.tenant, self.connection, &body, expected);
            if write.await? {
                return Ok(());
            }
            stored = self.secret(true).await?;
            if read(&stored)?.refresh_token != used {
                return Ok(());
            }
        }
        let reason = "the rotated refresh token cannot be written back";
        Err(Failure::unavailable("secrets", reason))
    }

    fn lease(&self) -> Result<Item, Failure> {
        // Unlike any other lease: the store takes an equal row for a repeat of the same write.
        let holder = Uuid::now_v7().to_string();
        let item = Item::new(self.tenant.as_str(), format!("lease-{}", self.place()), &holder)?;
        Ok(item.with_expiry(self.store.clock.now_secs() + LEASE_SECS))
    }

    fn place(&self) -> String {
        format!("token#{}#{}", self.owner, self.connection)
    }
}

fn with_refresh_token(stored: &Secret, refresh: &str) -> Result<String, Failure> {
    let wrong = |_| Failure::coded("SECRET", "the secret is not a JSON object");
    match ferrule_core::json::parse(stored.expose().as_bytes()).map_err(wrong)? {
        Value::Object(mut object) => {
            object.insert("refresh_token", Value::from(refresh));
            Ok(Value::Object(object).to_string())
        }
        _ => Err(Failure::coded("SECRET", "the secret is not a JSON object")),
    }
}
