#![doc = include_str!("../README.md")]

mod app;
mod client;
mod issue;
mod known;
mod load;
mod markdown;
mod settings;
mod start;

use ferrule_connector::{
    Connector, Context, Disposition, Failure, Health, Load, Notify, Receipt, Role,
};
pub use settings::{Auth, Secret, Settings, Target, Through};

use crate::{app::Tokens, client::Client};

/// Opens, updates and closes issues, and starts workflows.
#[derive(Debug, Default)]
pub struct GitHub {
    tokens: Tokens,
}

impl Connector for GitHub {
    const NAME: &'static str = "github";
    const ROLES: &'static [Role] = &[Role::Notify, Role::Target];

    type Settings = Settings;
    type Secret = Secret;
    type Source = ();
    type Target = Target;

    async fn notify(&self, notify: &Notify<'_, Self>) -> Result<Receipt, Failure> {
        let client = Client::new(&notify.context, &self.tokens, notify.rules, notify.target)?;
        match notify.target.through {
            Through::Issue => issue::tell(&client, notify).await,
            Through::RepositoryDispatch => start::repository(&client, notify).await,
            Through::Workflow => start::workflow(&client, notify).await,
        }
    }

    async fn load(
        &self,
        load: &Load<'_, Self>,
        done: &mut [Option<Disposition>],
    ) -> Result<(), Failure> {
        let client = Client::new(&load.context, &self.tokens, load.rules, load.target)?;
        load::write(&client, load, done).await
    }

    fn target(&self, _: &Settings, target: &Target) -> String {
        let repository = &target.repository;
        match target.through {
            Through::Issue => format!("issues of {repository}"),
            Through::RepositoryDispatch => format!("repository_dispatch in {repository}"),
            Through::Workflow => {
                let workflow = target.workflow.as_deref().unwrap_or("?");
                format!("workflow {workflow} of {repository}")
            }
        }
    }

    async fn check(&self, context: &Context<'_, Self>) -> Result<Health, Failure> {
        let left = Client::any(context, &self.tokens)?.try_out().await?;
        let place = context.settings.api_url();
        Ok(Health {
            message: format!("{place} takes the credentials; {left} calls left this hour"),
        })
    }
}

#[cfg(test)]
mod tests;
