//! Payloads by tenant and key.

use ferrule_core::Tenant;

use crate::{stores, unique};

#[tokio::test]
async fn reads_back_bytes_and_keeps_tenants_apart() {
    for store in stores().await {
        let acme = Tenant::new("acme").unwrap();
        let globex = Tenant::new("globex").unwrap();
        let key = format!("parked/{}/page 1 ü.json", unique("run"));
        let put = async |body: Vec<u8>| store.payloads.put(&acme, &key, body).await.unwrap();
        let get = async |tenant: &Tenant| store.payloads.get(tenant, &key).await.unwrap();
        assert_eq!(get(&acme).await, None);
        let large: Vec<u8> = (0..=255).cycle().take(3 << 20).collect();
        put(large.clone()).await;
        assert!(get(&acme).await == Some(large), "3 MiB come back unchanged");
        put(Vec::new()).await;
        assert_eq!(get(&acme).await, Some(Vec::new()), "the same key is overwritten");
        assert_eq!(get(&globex).await, None);
    }
}

#[tokio::test]
async fn lets_no_key_lead_out_of_the_tenant() {
    for store in stores().await {
        let acme = Tenant::new("acme").unwrap();
        let globex = Tenant::new("globex").unwrap();
        let key = unique("key");
        for escape in [format!("../globex/{key}"), format!("/globex/{key}")] {
            store.payloads.put(&acme, &escape, b"acme's".to_vec()).await.unwrap();
            assert_eq!(store.payloads.get(&globex, &key).await.unwrap(), None, "{escape}");
            let read = store.payloads.get(&acme, &escape).await.unwrap();
            assert_eq!(read.as_deref(), Some(&b"acme's"[..]));
        }
    }
}
