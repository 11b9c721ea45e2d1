//! Who is there, who may come in, and is it encrypted?

use ferrule_connector::{Connector, Failure};
use serde_json::json;

use super::{Desk, typed};
use crate::Tls;

async fn check(desk: &Desk) -> Result<String, Failure> {
    desk.connector.check(&desk.context()).await.map(|health| health.message)
}

#[tokio::test]
async fn a_check_names_version_user_and_database() {
    let Some(desk) = Desk::new("check_good", "") else { return };
    let message = check(&desk).await.unwrap();
    assert!(message.starts_with("PostgreSQL "), "{message}");
    assert!(message.ends_with(" answers admin on postgres"), "{message}");
}

#[tokio::test]
async fn a_bad_password_a_dead_host_and_a_missing_database_are_told_apart() {
    let Some(mut desk) = Desk::new("check_bad", "") else { return };
    let good = desk.secret.clone();
    desk.secret = typed(json!({"user": "admin", "password": "wr0ng-password"}));
    let failure = check(&desk).await.unwrap_err();
    assert!(matches!(failure, Failure::Unauthorized { .. }), "{failure:?}");
    assert!(!format!("{failure} {failure:?}").contains("wr0ng"), "{failure:?}");
    desk.secret = good;
    desk.settings.database = "nowhere".to_owned();
    assert_eq!(check(&desk).await.unwrap_err().code(), "UNKNOWN_DATABASE");
    desk.settings.port = 1025;
    assert_eq!(check(&desk).await.unwrap_err().code(), "unavailable");
    desk.settings.host = "no-such-host.invalid".to_owned();
    assert_eq!(check(&desk).await.unwrap_err().code(), "unavailable");
}

#[tokio::test]
async fn tls_trusts_the_pinned_ca_for_its_host_and_nobody_else() {
    let Some(mut desk) = Desk::new("pinned", "") else { return };
    let (ca, other) = (desk.server.ca(), desk.server.other_ca());
    for (host, tls, expected) in [
        ("localhost", json!({"ca": ca}), Ok(())),
        ("localhost", json!({"ca": other}), Err("CERTIFICATE")),
        ("localhost", json!({}), Err("CERTIFICATE")),
        ("127.0.0.1", json!({"ca": ca}), Err("CERTIFICATE")),
        ("127.0.0.1", json!({"mode": "verify-ca", "ca": ca}), Ok(())),
        ("127.0.0.1", json!({"mode": "verify-ca", "ca": other}), Err("CERTIFICATE")),
        ("127.0.0.1", json!({"mode": "require"}), Ok(())),
        ("localhost", json!({"mode": "verify-ca"}), Err("TLS_SETTINGS")),
        ("localhost", json!({"mode": "require", "ca": ca}), Err("TLS_SETTINGS")),
        ("localhost", json!({"ca": "not a certificate"}), Err("TLS_SETTINGS")),
    ] {
        host.clone_into(&mut desk.settings.host);
        desk.settings.tls = typed::<Tls>(tls.clone());
        let found = check(&desk).await;
        let code = found.as_ref().map(|_| ()).map_err(Failure::code);
        assert_eq!(code, expected, "{host} {:?}: {found:?}", tls.get("mode"));
    }
}

#[tokio::test]
async fn nothing_is_sent_in_the_clear_nor_to_the_inside_unless_an_operator_says_so() {
    let Some(mut desk) = Desk::new("inside", "") else { return };
    desk.local = false;
    assert_eq!(check(&desk).await.unwrap_err().code(), "TLS_SETTINGS");
    desk.settings.tls = Tls::default();
    assert_eq!(check(&desk).await.unwrap_err().code(), "HOST_REFUSED", "loopback");
    desk.settings.private = true;
    assert_eq!(check(&desk).await.unwrap_err().code(), "HOST_REFUSED", "still loopback");
    desk.settings.private = false;
    desk.settings.host = "10.0.0.1".to_owned();
    let failure = check(&desk).await.unwrap_err();
    assert!(failure.to_string().contains("`private: true`"), "{failure}");
    desk.settings.host = "169.254.169.254".to_owned();
    assert_eq!(check(&desk).await.unwrap_err().code(), "HOST_REFUSED");
    desk.settings.port = 25;
    assert_eq!(check(&desk).await.unwrap_err().code(), "HOST_REFUSED");
}
