#![doc = include_str!("../README.md")]

mod connect;
mod extract;
mod failure;
mod host;
mod load;
mod plan;
mod session;
mod settings;
mod sql;
mod table;
mod tls;

use ferrule_connector::{
    Connector, Context, Disposition, Extract, Failure, Fetched, Health, Load, Role,
};
pub use settings::{Secret, Settings, Source, Target, Tls, TlsMode};

use crate::session::{Access, Pool};

/// Reads and writes tables of a PostgreSQL database.
#[derive(Debug, Default)]
pub struct Postgres {
    pool: Pool,
}

impl Connector for Postgres {
    const NAME: &'static str = "postgres";
    const ROLES: &'static [Role] = &[Role::Source, Role::Target];
    /// By the table of written batches.
    const IDEMPOTENT: bool = true;
    const CALLS: bool = false;

    type Settings = Settings;
    type Secret = Secret;
    type Source = Source;
    type Target = Target;

    async fn extract(&self, page: &Extract<'_, Self>) -> Result<Fetched, Failure> {
        extract::fetch(&self.pool, page).await
    }

    async fn load(
        &self,
        load: &Load<'_, Self>,
        done: &mut [Option<Disposition>],
    ) -> Result<(), Failure> {
        load::write(&self.pool, load, done).await
    }

    fn target(&self, settings: &Settings, target: &Target) -> String {
        let schema = target.schema.as_ref().or(settings.schema.as_ref());
        let schema = schema.map_or(String::new(), |schema| format!("{schema}."));
        format!("{}: {schema}{}", settings.database, target.table)
    }

    async fn check(&self, context: &Context<'_, Self>) -> Result<Health, Failure> {
        let session = self.pool.begin(context, Access::Read).await?;
        let who = "select current_setting('server_version'), current_user::text, \
                   current_database()::text, pg_is_in_recovery()";
        let rows = session.rows(who, &[]).await?;
        self.pool.roll_back(context, session).await;
        let row = rows.first().ok_or_else(|| Failure::unavailable(Self::NAME, "no answer"))?;
        let (version, user, database): (&str, &str, &str) = (row.get(0), row.get(1), row.get(2));
        let replica = if row.get(3) { ", a replica that only reads" } else { "" };
        Ok(Health {
            message: format!("PostgreSQL {version} answers {user} on {database}{replica}"),
        })
    }
}

#[cfg(test)]
mod tests;
