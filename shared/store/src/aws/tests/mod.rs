//! Faults that no emulator makes: AWS throttles, answers by half, or does the work and loses the
//! answer.

mod dynamo;
mod others;
mod payloads;

use serde_json::{Value, json};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::header};

use super::{Access, Keys, Session};
use crate::{Places, Store};

/// An AWS that answers as it is told.
struct Aws(MockServer);

impl Aws {
    async fn start() -> Self {
        Self(MockServer::start().await)
    }

    /// Answers the next call of `target` so; answers are given in the order of these calls.
    async fn answers(&self, target: &str, status: u16, answer: Value) {
        let answer = ResponseTemplate::new(status).set_body_json(answer);
        let mock = Mock::given(header("x-amz-target", target)).respond_with(answer);
        mock.up_to_n_times(1).mount(&self.0).await;
    }

    /// Returns the bodies of all calls.
    async fn calls(&self) -> Vec<Value> {
        let requests = self.0.received_requests().await.unwrap();
        requests.iter().map(|request| serde_json::from_slice(&request.body).unwrap()).collect()
    }

    fn session(&self) -> Session {
        session(self.0.uri())
    }
}

/// Connects to an endpoint as to AWS, with credentials that nobody checks.
fn session(endpoint: String) -> Session {
    let access = Access {
        region: "eu-central-1".into(),
        keys: Some(Keys { id: "key".into(), secret: "secret".into() }),
    };
    Session::new(Some(endpoint), Some(access))
}

fn error(code: &str) -> Value {
    json!({ "__type": format!("com.amazonaws#{code}"), "message": "told so" })
}

#[test]
fn makes_a_store_without_runtime_network_or_credentials() {
    let places = Places {
        stack: "ferrule".into(),
        stage: "prod".into(),
        queue_prefix: "https://sqs.invalid/1/ferrule-".into(),
        payload_bucket: "payloads".into(),
        endpoint: Some("http://192.0.2.1:9".into()),
    };
    let store = Store::aws(&places, 60);
    assert_eq!(store.clone().time_scale, 60);
}
