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

#[tokio::test]
async fn versions_that_were_added_stay_readable_by_their_ids() {
    for store in stores().await {
        let (owner, tenant) = (Name::new("config").unwrap(), Tenant::new("acme").unwrap());
        let path = format!("production/{}", unique("App.DB_Password/eu-1"));
        let add = async |label: &str, body: &str| {
            store.secrets.add_version(&owner, &tenant, &path, (label, body)).await.unwrap()
        };
        let read = async |version: &str| {
            let found = store.secrets.read_version(&owner, &tenant, &path, version).await.unwrap();
            found.map(|secret| secret.expose().to_owned())
        };
        let mut ids = Vec::new();
        for n in 0..16 {
            ids.push(add(&format!("ferrule-{n}"), &format!("body {n}")).await);
        }
        for (n, id) in ids.iter().enumerate() {
            assert_eq!(read(id).await, Some(format!("body {n}")));
        }
        let again = add("ferrule-0", "another").await;
        assert_eq!(read(&again).await.as_deref(), Some("another"));
        assert_eq!(read(&ids[1]).await.as_deref(), Some("body 1"));
        assert_eq!(read("00000000-0000-0000-0000-000000000000").await, None);
        let other = Tenant::new("globex").unwrap();
        let theirs = store.secrets.read_version(&owner, &other, &path, &ids[0]).await.unwrap();
        assert_eq!(theirs, None);
    }
}

#[tokio::test]
async fn two_who_create_a_secret_at_once_both_end_up_in_it() {
    for store in stores().await {
        let (owner, tenant) = (Name::new("config").unwrap(), Tenant::new("acme").unwrap());
        let path = format!("production/{}", unique("race"));
        let add = async |body: &str| {
            store.secrets.add_version(&owner, &tenant, &path, (body, body)).await
        };
        let added = tokio::join!(add("a"), add("b"), add("c"));
        for (id, body) in [(added.0, "a"), (added.1, "b"), (added.2, "c")] {
            let found = store.secrets.read_version(&owner, &tenant, &path, &id.unwrap()).await;
            assert_eq!(
                found.unwrap().map(|secret| secret.expose().to_owned()).as_deref(),
                Some(body)
            );
        }
    }
}
