#![doc = include_str!("../README.md")]

mod client;
mod listing;
mod members;
mod removed;
mod settings;

use ferrule_connector::{
    Connector, Context, Extract, Failure, Fetched, Health, Role, auth::Credentials,
};
use ferrule_core::definition::{Cursor, CursorKind};
pub use settings::{Auth, Nothing, Read, Settings, Source};

use crate::client::Client;

/// Reads users, groups and memberships of an Okta organisation.
#[derive(Debug, Clone, Copy)]
pub struct Okta;

impl Connector for Okta {
    const NAME: &'static str = "okta";
    const ROLES: &'static [Role] = &[Role::Source];

    type Settings = Settings;
    type Secret = Credentials;
    type Source = Source;
    type Target = Nothing;

    /// Every kind of record says when it changed.
    fn cursor(&self, source: &Source) -> Option<Cursor> {
        let field = match source.read {
            Read::Users | Read::Groups => ".lastUpdated",
            Read::Memberships => ".changed_at",
        };
        Some(Cursor {
            field: field.to_owned(),
            kind: CursorKind::Datetime,
            format: None,
            zone: None,
            overlap: Some(settings::OVERLAP),
            tie_break: Some(".id".to_owned()),
        })
    }

    async fn extract(&self, request: &Extract<'_, Self>) -> Result<Fetched, Failure> {
        match request.source.read {
            Read::Users | Read::Groups => listing::fetch(request).await,
            Read::Memberships => members::fetch(request).await,
        }
    }

    async fn check(&self, context: &Context<'_, Self>) -> Result<Health, Failure> {
        let client = Client::new(context, &[])?;
        client.try_out().await?;
        Ok(Health { message: format!("{} answers and takes the token", context.settings.org_url) })
    }
}

#[cfg(test)]
mod tests;
