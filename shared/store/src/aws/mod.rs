//! The implementation on AWS. Nothing here is touched before its first use: making a store needs
//! no network, no credentials and no runtime.

mod bucket;
mod cache;
mod dynamo;
mod engine;
mod failure;
mod json;
mod retry;
mod s3;
mod secrets;
mod session;
mod sqs;
#[cfg(test)]
mod tests;
mod transport;

pub use bucket::Bucket;
pub use dynamo::Dynamo;
pub use secrets::SecretsManager;
use session::Session;
pub use session::{Access, Keys};
pub use sqs::Sqs;
pub use transport::{Connections, Names, SdkBody, connections, http_client};

use crate::{Clock, Places, Store};

impl Store {
    /// Makes a store in AWS. Looks nothing up: region, credentials and endpoint are found at the
    /// first call, each client is made at its first call.
    pub fn aws(places: &Places, time_scale: u32) -> Self {
        Self::in_session(Session::new(places.endpoint.clone(), None), places, time_scale)
    }

    /// Makes a store in AWS for somebody else, or elsewhere, than the environment says: so the operator's
    /// command speaks to the local AWS, and to an account in the region of its stack.
    pub fn aws_as(places: &Places, time_scale: u32, access: Access) -> Self {
        Self::in_session(Session::new(places.endpoint.clone(), Some(access)), places, time_scale)
    }

    fn in_session(session: Session, places: &Places, time_scale: u32) -> Self {
        let clock = Clock::System;
        let tables = Dynamo::new(session.clone(), &places.stack, clock.clone());
        let secrets = SecretsManager::new(session.clone(), &places.stage, clock.clone());
        Self {
            tables: crate::Tables::Aws(tables),
            queues: crate::Queues::Aws(Sqs::new(session.clone(), &places.queue_prefix)),
            secrets: crate::Secrets::Aws(secrets),
            payloads: crate::Payloads::Aws(Bucket::new(session, &places.payload_bucket)),
            clock,
            time_scale,
            parked_days: crate::PARKED_DAYS,
            successes: crate::Successes::default(),
            arrivals: crate::Arrivals::default(),
        }
    }
}
