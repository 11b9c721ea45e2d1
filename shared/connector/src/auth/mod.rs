//! Signs calls in: API key, basic, bearer, headers of one's own, OAuth 2.
//!
//! The secret is read when a call is made, so that a rotated one is used without a restart. After a
//! 401 it is read again from Secrets Manager, a token is fetched once by one worker for all, and
//! the call is repeated once. What then still fails is [`Failure::Unauthorized`].

mod grant;
mod scheme;
mod seal;
mod share;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ferrule_core::{Failure, Name, Tenant};
use ferrule_store::{Secret, Store};
pub use scheme::{ApiKey, ClientAuth, Credentials, Grant, Scheme};
pub(crate) use share::Tokens;

use crate::{Answer, Call, Connector, Context, Http};

/// Signs in the calls of one connection.
pub struct Auth<'a> {
    scheme: &'a Scheme,
    http: &'a Http,
    store: &'a Store,
    owner: Name,
    tenant: &'a Tenant,
    connection: &'a Name,
}

/// What a call was signed in with, to tell whether there is something newer.
enum Used {
    Nothing,
    Secret { version: String },
    Token { access: String },
}

impl<'a> Auth<'a> {
    /// Signs in by `scheme`, with the secret of the connection.
    pub fn new<C: Connector>(
        scheme: &'a Scheme,
        context: &Context<'a, C>,
    ) -> Result<Self, Failure> {
        let owner = Name::new(C::NAME).map_err(|error| Failure::invalid(error.to_string()))?;
        let Context { http, store, tenant, connection, .. } = *context;
        Ok(Self { scheme, http, store, owner, tenant, connection })
    }

    /// Signs the call in and sends it. After a 401 it renews what it signs in with and repeats the
    /// call, once.
    pub async fn send(&self, call: Call<'_>) -> Result<Answer, Failure> {
        let (signed, used) = self.sign(call.clone(), None).await?;
        match self.http.send(signed).await {
            Err(refused @ Failure::Unauthorized { .. }) => {
                let (signed, fresh) = self.sign(call, Some(&used)).await?;
                if used.is_same(&fresh) {
                    return Err(refused);
                }
                self.http.send(signed).await
            }
            other => other,
        }
    }

    /// Signs in; with `refused`, by something else than that when there is something else.
    async fn sign<'c>(
        &self,
        call: Call<'c>,
        refused: Option<&Used>,
    ) -> Result<(Call<'c>, Used), Failure> {
        let grant = match self.scheme {
            Scheme::None => return Ok((call, Used::Nothing)),
            Scheme::ClientCredentials(grant)
            | Scheme::RefreshToken(grant)
            | Scheme::Password(grant) => grant,
            Scheme::ApiKey(_) | Scheme::Basic | Scheme::Bearer | Scheme::Headers => {
                let secret = match refused {
                    Some(_) => self.newest().await?,
                    None => self.secret(false).await?,
                };
                let used = Used::Secret { version: secret.version.clone() };
                return Ok((static_signature(self.scheme, call, &read(&secret)?)?, used));
            }
        };
        let refused = match refused {
            Some(Used::Token { access }) => Some(access.as_str()),
            _ => None,
        };
        // Boxed: it happens once an hour, and every call would carry its size.
        let access = Box::pin(self.token(grant, refused)).await?;
        let bearer = format!("Bearer {access}");
        let call = call.secret_header("authorization", &bearer).hide(&access);
        Ok((call, Used::Token { access }))
    }

    async fn secret(&self, fresh: bool) -> Result<Secret, Failure> {
        let secret = self.store.secrets.read(&self.owner, self.tenant, self.connection, fresh);
        // Boxed: the SDK's futures are large.
        Box::pin(secret).await?.ok_or_else(|| self.missing())
    }

    /// Reads the secret again that was refused; many that are refused at once ask once.
    async fn newest(&self) -> Result<Secret, Failure> {
        let secret = self.store.secrets.read_newest(&self.owner, self.tenant, self.connection);
        Box::pin(secret).await?.ok_or_else(|| self.missing())
    }

    fn missing(&self) -> Failure {
        let (tenant, connection) = (self.tenant, self.connection);
        Failure::coded("SECRET", format!("connection {connection} of {tenant} has no secret"))
    }
}

impl Used {
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Nothing, Self::Nothing) => true,
            (Self::Secret { version: a }, Self::Secret { version: b })
            | (Self::Token { access: a }, Self::Token { access: b }) => a == b,
            _ => false,
        }
    }
}

/// Reads the secret. What is wrong with it is not shown.
fn read(secret: &Secret) -> Result<Credentials, Failure> {
    serde_json::from_str(secret.expose()).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let reason = format!("the secret has other keys than expected (line {line}:{column})");
        Failure::coded("SECRET", reason)
    })
}

/// Takes a part of the secret that the scheme needs.
fn need<'s>(part: Option<&'s String>, name: &str) -> Result<&'s str, Failure> {
    let missing = || Failure::coded("SECRET", format!("the secret has no {name}"));
    part.map(String::as_str).filter(|text| !text.is_empty()).ok_or_else(missing)
}

/// Signs a call in with what the secret holds as it is.
fn static_signature<'c>(
    scheme: &Scheme,
    call: Call<'c>,
    secret: &Credentials,
) -> Result<Call<'c>, Failure> {
    match scheme {
        Scheme::ApiKey(place) => {
            let key = need(secret.api_key.as_ref(), "api_key")?;
            let call = call.hide(key);
            Ok(match (&place.query, &place.header) {
                (Some(name), _) => call.query(name, key),
                (None, header) => {
                    let name = header.as_deref().unwrap_or("x-api-key");
                    call.secret_header(name, &format!("{}{key}", place.prefix))
                }
            })
        }
        Scheme::Basic => {
            let user = need(secret.username.as_ref(), "username")?;
            let password = need(secret.password.as_ref(), "password")?;
            let pair = STANDARD.encode(format!("{user}:{password}"));
            Ok(call.secret_header("authorization", &format!("Basic {pair}")).hide(password))
        }
        Scheme::Bearer => {
            let token = need(secret.token.as_ref(), "token")?;
            Ok(call.secret_header("authorization", &format!("Bearer {token}")).hide(token))
        }
        Scheme::Headers => {
            if secret.headers.is_empty() {
                return Err(Failure::coded("SECRET", "the secret has no headers"));
            }
            let headers = secret.headers.iter();
            Ok(headers.fold(call, |call, (name, value)| call.secret_header(name, value)))
        }
        Scheme::None
        | Scheme::ClientCredentials(_)
        | Scheme::RefreshToken(_)
        | Scheme::Password(_) => Ok(call),
    }
}
