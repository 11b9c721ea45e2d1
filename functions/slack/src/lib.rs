#![doc = include_str!("../README.md")]

mod api;
mod blocks;
mod check;
mod fault;
mod mention;
mod message;
mod settings;
mod tell;
mod text;
mod thread;

use ferrule_connector::{Connector, Context, Failure, Health, Notify, Receipt, Role};
pub use settings::{Secret, Settings, Target};

/// Posts to Slack through an incoming webhook, or with an app's token.
#[derive(Debug, Clone, Copy)]
pub struct Slack;

impl Connector for Slack {
    const NAME: &'static str = "slack";
    const ROLES: &'static [Role] = &[Role::Notify];

    type Settings = Settings;
    type Secret = Secret;
    type Source = ();
    type Target = Target;

    async fn notify(&self, notify: &Notify<'_, Self>) -> Result<Receipt, Failure> {
        tell::tell(notify).await
    }

    fn target(&self, _: &Settings, target: &Target) -> String {
        match &target.channel {
            Some(channel) => channel.clone(),
            None => "the channel of the incoming webhook".to_owned(),
        }
    }

    async fn check(&self, context: &Context<'_, Self>) -> Result<Health, Failure> {
        check::check(context).await
    }
}

#[cfg(test)]
mod tests;
