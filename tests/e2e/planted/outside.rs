//! Vendors that throw back what they are sent: the address, every header, the body.

use ferrule_testing::vendor::{Reply, Request, Vendor};

use super::canary;

/// Answers by the path: `/ok`, `/refuse` (400), `/deny` (401), `/fail` (500), `/token`.
pub(super) async fn outside() -> Vendor {
    Vendor::start(|request, _| {
        let echo = echo(request);
        let answer = request.path.split('/').nth(1).unwrap_or_default();
        match answer {
            "token" => {
                let token = canary("access-token");
                Reply::json(format!(
                    r#"{{"access_token":"{token}","token_type":"bearer","expires_in":3600}}"#
                ))
            }
            "refuse" => Reply::json(echo).with_status(400),
            "fail" => Reply::json(echo).with_status(500),
            "ok" if request.path.contains("services") => Reply::ok("text/plain", "ok"),
            "ok" => Reply::json("{}"),
            _ => Reply::json(echo).with_status(401),
        }
    })
    .await
}

fn echo(request: &Request) -> String {
    let Request { path, raw_query, headers, .. } = request;
    let headers: Vec<String> = headers.iter().map(|(k, v)| format!("{k}: {v}")).collect();
    let said = format!(
        "bad request {path}?{raw_query} with {} and {}",
        headers.join(", "),
        request.text()
    );
    let said = ferrule_core::Object::from_iter([("error", ferrule_core::Value::from(said))]);
    ferrule_core::Value::from(said).to_string()
}
