//! A check tells a host that is not there from credentials that are no good.

use ferrule_testing::vendor::{Reply, Vendor};

use super::Hub;

async fn outcome(status: u16, check: Option<&str>) -> String {
    let vendor = Vendor::start(move |_, _| Reply::status(status)).await;
    let mut hub = Hub::new(&vendor, "{}");
    hub.settings.check = check.map(str::to_owned);
    match hub.check().await {
        Ok(health) => health.message,
        Err(failure) => format!("{}: {failure}", failure.code()),
    }
}

#[tokio::test]
async fn says_what_was_found() {
    assert_eq!(outcome(200, Some("/me")).await, "127.0.0.1 answers 200 and takes the credentials");
    assert!(outcome(404, None).await.contains("is there but answers 404"));
    assert!(outcome(404, Some("/me")).await.starts_with("rejected: "));
    assert!(outcome(401, None).await.starts_with("unauthorized: "));
    assert!(outcome(403, Some("/me")).await.starts_with("rejected: "));
    assert!(outcome(503, None).await.starts_with("unavailable: "));
}

#[tokio::test]
async fn a_host_that_is_not_there_is_unavailable() {
    let vendor = Vendor::start(|_, _| Reply::status(200)).await;
    let mut hub = Hub::new(&vendor, "{}");
    hub.settings.base_url = "http://127.0.0.1:9".into();
    assert_eq!(hub.check().await.unwrap_err().code(), "URL_REFUSED");
    hub.settings.base_url = "http://127.0.0.1:4".into();
    let failure = hub.check().await.unwrap_err();
    assert!(failure.to_string().contains("cannot connect"), "{failure}");
    hub.settings.base_url = "http://169.254.169.254/latest".into();
    assert_eq!(hub.check().await.unwrap_err().code(), "URL_REFUSED");
}

#[test]
fn readme_and_schema_are_what_the_types_say() {
    ferrule_testing::generated::<rest::Rest>();
}

#[test]
fn the_sample_events_can_be_read() {
    for name in ["extract", "load", "check"] {
        let body = ferrule_testing::body(&format!("rest/{name}.json"));
        ferrule_core::Message::decode(&body).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}
