//! Leaves targets alone that said that they are gone.

use ferrule_core::Failure;
use ferrule_store::{Disabled, Place};

use super::{Handler, notify::Errand, ready::Ready};
use crate::Connector;

impl<C: Connector> Handler<C> {
    /// Refuses the work when its target is disabled.
    pub(super) async fn target_is_there(
        &self,
        errand: &Errand<'_>,
        ready: &Ready<C>,
    ) -> Result<(), Failure> {
        match self.store.disabled(&place(errand, ready)).await? {
            None => Ok(()),
            Some(gone) => Err(disabled(errand, &gone)),
        }
    }

    /// Disables the target; it is an event, unless the work was about one.
    pub(super) async fn disable(
        &self,
        errand: &Errand<'_>,
        ready: &Ready<C>,
        target: &C::Target,
        failure: &Failure,
    ) -> Result<(), Failure> {
        let name = self.connector.target(ready.settings(), target);
        let (place, is_quiet) = (place(errand, ready), errand.envelope.alert);
        self.store.disable(&place, &name, &failure.to_string(), is_quiet).await
    }
}

fn place<'a, C: Connector>(errand: &Errand<'a>, ready: &'a Ready<C>) -> Place<'a> {
    Place {
        tenant: &errand.envelope.tenant,
        connection: &ready.connection,
        recipient: errand.to.recipient,
        integration: &errand.envelope.integration,
        definition: &errand.envelope.definition,
    }
}

fn disabled(errand: &Errand<'_>, gone: &Disabled) -> Failure {
    let connection = &errand.to.recipient.connection;
    let Disabled { target, reason, .. } = gone;
    let reason = format!(
        "nothing is sent to {target} through connection {connection} any more: {reason}; change \
         the connection or the integration, or check the connection, then replay"
    );
    Failure::coded("TARGET_DISABLED", reason)
}
