//! Secrets by owner, tenant and connection.

use ferrule_core::{Name, Tenant};

use crate::{stores, unique};

#[tokio::test]
async fn reads_the_version_that_was_written_last() {
    for store in stores().await {
        let (owner, tenant) = (Name::new("rest").unwrap(), Tenant::new("acme").unwrap());
        let connection = Name::new(unique("jira")).unwrap();
        let read =
            async |fresh| store.secrets.read(&owner, &tenant, &connection, fresh).await.unwrap();
        let write = async |body: &str, expected: Option<&str>| {
            store.secrets.write(&owner, &tenant, &connection, body, expected).await.unwrap()
        };
        assert_eq!(read(false).await, None);
        assert!(!write("{}", Some("v0")).await, "there is nothing to replace");
        assert!(write(r#"{"token":"one"}"#, None).await);
        let first = read(false).await.unwrap();
        assert_eq!(first.expose(), r#"{"token":"one"}"#);
        assert!(write(r#"{"token":"two"}"#, Some(&first.version)).await);
        assert!(!write(r#"{"token":"lost"}"#, Some(&first.version)).await);
        for fresh in [false, true] {
            let second = read(fresh).await.unwrap();
            assert_eq!(second.expose(), r#"{"token":"two"}"#);
            assert_ne!(second.version, first.version);
        }
        assert!(write(r#"{"token":"three"}"#, None).await);
        assert_eq!(read(true).await.unwrap().expose(), r#"{"token":"three"}"#);
    }
}

#[tokio::test]
async fn keeps_tenants_and_owners_apart() {
    for store in stores().await {
        let name = |text: &str| Name::new(text).unwrap();
        let connection = Name::new(unique("jira")).unwrap();
        let acme = Tenant::new("acme").unwrap();
        let globex = Tenant::new("globex").unwrap();
        assert!(store.secrets.write(&name("rest"), &acme, &connection, "{}", None).await.unwrap());
        let read = async |owner: &str, tenant: &Tenant| {
            store.secrets.read(&name(owner), tenant, &connection, true).await.unwrap()
        };
        assert!(read("rest", &acme).await.is_some());
        assert_eq!(read("rest", &globex).await, None);
        assert_eq!(read("ingest", &acme).await, None);
    }
}
