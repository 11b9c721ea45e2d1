#![doc = include_str!("../README.md")]

mod client;
mod extract;
mod fields;
mod import;
mod load;
mod lookup;
mod outgoing;
mod pace;
mod query;
mod settings;
mod text;

use ferrule_connector::{
    Connector, Context, Disposition, Extract, Failure, Fetched, Health, Load, Role,
    auth::Credentials,
};
pub use settings::{ApiVersion, Auth, DisplayValue, Settings, Source, Target, Via};

use crate::{client::Client, fields::Cache};

/// Reads and writes a ServiceNow instance.
#[derive(Debug, Default)]
pub struct ServiceNow {
    fields: Cache,
}

impl Connector for ServiceNow {
    const NAME: &'static str = "servicenow";
    const ROLES: &'static [Role] = &[Role::Source, Role::Target];

    type Settings = Settings;
    type Secret = Credentials;
    type Source = Source;
    type Target = Target;

    async fn extract(&self, request: &Extract<'_, Self>) -> Result<Fetched, Failure> {
        extract::fetch(request, &self.fields).await
    }

    async fn load(
        &self,
        load: &Load<'_, Self>,
        done: &mut [Option<Disposition>],
    ) -> Result<(), Failure> {
        match load.target.via {
            Via::Table => load::write(load, done, &self.fields).await,
            Via::ImportSet => import::each(load, done, &self.fields).await,
            Via::ImportSetMany => import::many(load, done, &self.fields).await,
        }
    }

    async fn check(&self, context: &Context<'_, Self>) -> Result<Health, Failure> {
        let client = Client::new(context, &[])?;
        let parameters =
            [("sysparm_limit", "1"), ("sysparm_fields", "sys_id"), ("sysparm_no_count", "true")];
        client.list("sys_user", &parameters).await?;
        let place = &context.settings.instance_url;
        Ok(Health { message: format!("{place} answers and takes the credentials") })
    }
}

#[cfg(test)]
mod tests;
