#![doc = include_str!("../README.md")]

mod event;
mod load;
mod post;
mod settings;
mod sign;

use ferrule_connector::{
    Connector, Context, Disposition, Failure, Health, Load, Notify, Receipt, Role, url_guard,
};
pub use settings::{Secret, Settings, Target};

use crate::{event::Event, post::Receiver};

/// Posts signed events to a receiver of one's own.
#[derive(Debug, Clone, Copy)]
pub struct Webhook;

impl Connector for Webhook {
    const NAME: &'static str = "webhook";
    const ROLES: &'static [Role] = &[Role::Notify, Role::Target];

    type Settings = Settings;
    type Secret = Secret;
    type Source = ();
    type Target = Target;

    async fn notify(&self, notify: &Notify<'_, Self>) -> Result<Receipt, Failure> {
        let event = Event::of_notification(notify.notification, notify.target.kind.as_deref());
        Receiver::new(&notify.context, notify.rules)?.post(&event, &[]).await?;
        Ok(Receipt { reference: Some(event.id), url: None })
    }

    async fn load(
        &self,
        load: &Load<'_, Self>,
        done: &mut [Option<Disposition>],
    ) -> Result<(), Failure> {
        if load.target.batch {
            load::together(load, done).await
        } else {
            load::each(load, done).await
        }
    }

    fn target(&self, settings: &Settings, _: &Target) -> String {
        let url = settings.url.as_deref().and_then(|text| url_guard::parse(text, true).ok());
        match url.as_ref().and_then(|url| Some((url.host_str()?, url.path()))) {
            Some((host, path)) => format!("{host}{path}"),
            None => "the address in the secret".to_owned(),
        }
    }

    async fn check(&self, context: &Context<'_, Self>) -> Result<Health, Failure> {
        let receiver = Receiver::new(context, &[])?;
        let message = if context.settings.ping {
            let event = Event::ping(context.connection.as_str(), context.store.clock.now_ms());
            let status = receiver.post(&event, &[]).await?.status;
            format!("the receiver took a ferrule.ping ({status})")
        } else {
            let status = receiver.look().await?.status;
            format!("somebody answers there ({status}); with `ping: true` a signed event is tried")
        };
        Ok(Health { message })
    }
}

#[cfg(test)]
mod tests;
