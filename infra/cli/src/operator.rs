//! What the operator does with AWS itself: keys, secrets and schemas, before and beside the HTTP API.

use ferrule_core::{Name, Tenant};
use ferrule_store::{
    Places, Role, Store,
    aws::{Access, Keys},
};

use crate::stack::Details;
use crate::{Fault, connectors};

/// Reads the name of a tenant.
pub(crate) fn tenant(text: &str) -> Result<Tenant, Fault> {
    Tenant::new(text).map_err(|error| Fault::Invalid(error.to_string()))
}

/// Reads the name of anything else.
pub(crate) fn name(text: &str) -> Result<Name, Fault> {
    Name::new(text).map_err(|error| Fault::Invalid(error.to_string()))
}

/// Returns the store of a stack, with the operator's own rights.
pub(crate) fn store(details: &Details) -> Store {
    store_with_bucket(details, &details.payloads)
}

/// Returns the store of a stack whose payloads are the files of `bucket: default`.
pub(crate) fn store_of_files(details: &Details) -> Store {
    store_with_bucket(details, &details.files)
}

fn store_with_bucket(details: &Details, bucket: &str) -> Store {
    let places = Places {
        stack: details.stack.clone(),
        stage: details.stage.clone(),
        queue_prefix: details.queues.clone(),
        payload_bucket: bucket.to_owned(),
        endpoint: (!details.endpoint.is_empty()).then(|| details.endpoint.clone()),
    };
    let keys = (!details.access_key.is_empty())
        .then(|| Keys { id: details.access_key.clone(), secret: details.secret_key.clone() });
    let access = Access { region: details.region.clone(), keys };
    Store::aws_as(&places, details.time_scale, access)
}

/// Tells the hub which connectors are deployed, and what they understand.
pub(crate) async fn register(store: &Store, deployed: &[String]) -> Result<(), Fault> {
    for (name, schema) in connectors::schemas()? {
        if deployed.is_empty() || deployed.iter().any(|one| one == name.as_str()) {
            store.put_connector(&name, &schema).await?;
        }
    }
    Ok(())
}

/// Issues the operator's own key.
pub(crate) async fn first_key(store: &Store, tenant: &Tenant) -> Result<String, Fault> {
    Ok(store.issue_key(tenant, Role::Admin, "operator").await?.0)
}

/// Returns whose key the stack's own key is, which is whose data the commands are about.
pub(crate) async fn own_tenant(store: &Store, details: &Details) -> Result<Tenant, Fault> {
    let key = details.customer_key.as_deref().unwrap_or_default();
    let known = store.key(key).await?;
    known.map(|key| key.tenant).ok_or_else(|| {
        Fault::Refused("the key in stack.json is not valid any more; name a --tenant".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_stack_in_an_account_is_spoken_to_in_its_own_region() {
        let details: Details = serde_json::from_value(json!({
            "stack": "ferrule", "stage": "prod", "endpoint": "", "api_url": "", "customer_key": null,
            "region": "eu-north-1", "access_key": "", "secret_key": "", "queues": "", "payloads": "",
            "files": "", "time_scale": 1, "pid": 0,
        }))
        .unwrap();
        let shown = format!("{:?}", store(&details));
        assert!(shown.contains("eu-north-1") && shown.contains("keys: None"), "{shown}");
    }
}
