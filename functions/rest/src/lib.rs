#![doc = include_str!("../README.md")]

mod address;
mod body;
mod call;
mod check;
mod extract;
mod load;
mod reference;
mod settings;
mod unchanged;

use std::num::NonZeroU32;

use ferrule_connector::{
    Connector, Context, Disposition, Extract, Failure, Fetched, Health, Load, Role,
    auth::Credentials,
};
use ferrule_core::definition::Mode;
pub use settings::{
    Ask, Format, Lookup, Patience, Profile, Reference, Sent, Settings, Since, Source, Target, Write,
};

/// Reads and writes any JSON or XML API over HTTP.
#[derive(Debug, Default)]
pub struct Rest {
    references: reference::Cache,
}

impl Connector for Rest {
    const NAME: &'static str = "rest";
    const ROLES: &'static [Role] = &[Role::Source, Role::Target];
    type Settings = Settings;
    type Secret = Credentials;
    type Source = Source;
    type Target = Target;

    fn max_pages(&self, source: &Source) -> Option<u32> {
        source.max_pages.map(NonZeroU32::get)
    }

    fn doubles(&self, target: &Target, mode: Mode) -> bool {
        load::doubles(target, mode)
    }

    async fn extract(&self, asked: &Extract<'_, Self>) -> Result<Fetched, Failure> {
        extract::page(asked, &self.references).await
    }

    async fn load(
        &self,
        load: &Load<'_, Self>,
        done: &mut [Option<Disposition>],
    ) -> Result<(), Failure> {
        load::Writing::new(load).write(done).await
    }

    /// A record may need to be found first; what its references need was asked for before, mostly.
    fn calls(&self, target: &Target, records: u64) -> Option<u64> {
        let together = u64::from(target.batch.unwrap_or(1).max(1));
        let each = if target.lookup.is_some() { 2 } else { 1 };
        Some(records.div_ceil(together) * each)
    }

    async fn check(&self, context: &Context<'_, Self>) -> Result<Health, Failure> {
        check::check(context).await
    }
}
