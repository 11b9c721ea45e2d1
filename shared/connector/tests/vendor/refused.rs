//! What is not called at all, and what is not told.

use ferrule_connector::{Call, Failure, Http, HttpOptions};
use ferrule_core::definition::ErrorRule;
use ferrule_testing::vendor::{Manner, Reply, Vendor};

use super::{get, hasty, http, is_unavailable};

#[tokio::test]
async fn loopback_sees_no_connection_outside_of_the_local_stack() {
    let vendor = Vendor::start(|_, _| Reply::json("{}")).await;
    let outside = Http::new(HttpOptions::new("crm"));
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433"] {
        let url = vendor.url("/").replace("127.0.0.1", host).parse().unwrap();
        let failure = outside.send(Call::get(url)).await.err().unwrap();
        assert_eq!(failure.code(), "URL_REFUSED", "{host}: {failure}");
    }
    assert!(vendor.requests().is_empty());
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let inside = Vendor::start(|_, _| Reply::json("{}")).await;
    let to = inside.url("/latest/meta-data");
    let vendor = Vendor::start(move |_, _| Reply::status(302).header("location", &to)).await;
    let failure = http().send(get(&vendor, "/")).await.err().unwrap();
    assert!(failure.to_string().contains("redirects are not followed"), "{failure}");
    assert!(inside.requests().is_empty());
}

#[tokio::test]
async fn nobody_listening_is_tried_again() {
    let gone = Vendor::start(|_, _| Reply::json("{}")).await.url("/");
    let call = Call::get(gone.parse().unwrap());
    tokio::task::yield_now().await;
    let failure = http().send(call).await.err().unwrap();
    assert!(is_unavailable(&failure, ""), "{failure}");
}

#[tokio::test]
async fn a_header_with_a_line_break_is_refused_before_anything_is_sent() {
    let vendor = Vendor::start(|_, _| Reply::json("{}")).await;
    for (name, value) in [
        ("x-a", "one\r\nx-b: two"),
        ("x-a", "one\ntwo"),
        ("x-a", "nul\0"),
        ("x a", "one"),
        ("x-a\r\nx-b", "one"),
        ("", "one"),
    ] {
        let failure = http().send(get(&vendor, "/").header(name, value)).await.err().unwrap();
        assert!(matches!(failure, Failure::Invalid { .. }), "{failure}");
    }
    assert!(vendor.requests().is_empty());
}

#[tokio::test]
async fn no_failure_shows_a_secret() {
    const SECRET: &str = "s3cret-canary";
    let echo = |status: u16| {
        let body = format!(r#"{{"error": "bad key {SECRET}", "url": "?key={SECRET}"}}"#);
        Reply::json(body).with_status(status)
    };
    let vendor = Vendor::start(move |request, _| match request.path.as_str() {
        "/mute" => Reply::status(200).manner(Manner::Mute),
        "/cut" => Reply::json("[1, 2]").manner(Manner::CutAfter(2)),
        path => echo(path[1..].parse().unwrap()),
    })
    .await;
    for path in ["/mute", "/cut", "/302", "/400", "/401", "/403", "/404", "/429", "/500", "/503"] {
        let call = hasty(get(&vendor, path)).query("key", SECRET).hide(SECRET);
        let call = call.secret_header("authorization", &format!("Bearer {SECRET}"));
        let failure = http().send(call).await.err().unwrap();
        let shown = format!("{failure} {failure:?}");
        assert!(!shown.contains(SECRET) && !shown.contains("?key"), "{path}: {shown}");
    }
}

#[tokio::test]
async fn a_rule_can_say_what_silence_means() {
    let rules: Vec<ErrorRule> =
        serde_json::from_str(r#"[{"status": ["timeout"], "do": "park"}]"#).unwrap();
    let vendor = Vendor::start(|_, _| Reply::status(200).manner(Manner::Mute)).await;
    let failure = http().send(hasty(get(&vendor, "/")).rules(&rules)).await.err().unwrap();
    assert!(matches!(failure, Failure::Rejected { .. }), "{failure}");
}
