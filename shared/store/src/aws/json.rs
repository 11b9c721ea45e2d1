//! Services that speak AWS JSON: one call is one `POST`, whose header names the operation
//! (<https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html>).

use aws_runtime::auth::SigningOptions;
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, OrchestratorError};
use aws_types::SdkConfig;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    engine::{Engine, Refusal, Refused, Request, refusal},
    failure::Call,
};

/// One such service.
#[derive(Debug, Clone, Copy)]
pub(super) struct Protocol {
    /// Its name in URLs, signatures and failures.
    pub(super) service: &'static str,
    /// What stands before the operation: `AmazonSQS`.
    pub(super) target: &'static str,
    /// `1.0` or `1.1`.
    pub(super) version: &'static str,
}

/// A connection to such a service.
#[derive(Debug, Clone)]
pub(super) struct Json {
    engine: Engine,
    protocol: Protocol,
}

impl Json {
    /// Makes the client; connects to nobody.
    pub(super) fn new(config: &SdkConfig, protocol: Protocol) -> Self {
        let options = SigningOptions::default();
        Self { engine: Engine::new(config, protocol.service, options, answer), protocol }
    }

    /// Calls an operation. What is asked may hold a secret: it is in no error.
    pub(super) async fn ask(
        &self,
        operation: &str,
        asked: &impl Serialize,
    ) -> Result<Vec<u8>, Refused> {
        let Protocol { target, version, .. } = self.protocol;
        let body = serde_json::to_vec(asked).map_err(Refused::construction_failure)?;
        let headers = vec![
            ("content-type", format!("application/x-amz-json-{version}")),
            ("x-amz-target", format!("{target}.{operation}")),
        ];
        let request = Request { method: "POST", path: "/".to_owned(), headers, body };
        self.engine.send(request).await.map(Option::unwrap_or_default)
    }
}

/// Reads what an operation answered.
pub(super) fn read<A: DeserializeOwned>(
    call: Call<'_>,
    answer: &[u8],
) -> Result<A, ferrule_core::Failure> {
    // What serde_json says of a wrong type repeats a value, which may be a secret.
    serde_json::from_slice(answer).map_err(|_| call.unavailable("its answer cannot be read"))
}

/// An error document.
#[derive(Default, Deserialize)]
struct Fault {
    #[serde(default, rename = "__type")]
    kind: Option<String>,
    #[serde(default, alias = "Message")]
    message: Option<String>,
}

fn answer(response: &HttpResponse) -> Result<Option<Vec<u8>>, OrchestratorError<Refusal>> {
    let body = response.body().bytes().unwrap_or_default();
    if response.status().is_success() {
        return Ok(Some(body.to_vec()));
    }
    let fault: Fault = serde_json::from_slice(body).unwrap_or_default();
    let named = response.headers().get("x-amzn-errortype").or(fault.kind.as_deref());
    Err(refusal(response.status().as_u16(), named.map(code), fault.message.as_deref(), body))
}

/// `aws.protocoltests#FooError:http://...` is `FooError`.
fn code(named: &str) -> &str {
    let named = named.split(':').next().unwrap_or_default();
    named.rsplit('#').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::code;

    #[test]
    fn reads_a_code_however_it_is_dressed() {
        for named in [
            "FooError",
            "FooError:http://internal.amazon.com/coral/com.amazon.coral.validate/",
            "aws.protocoltests.restjson#FooError",
            "aws.protocoltests.restjson#FooError:http://internal.amazon.com/coral/",
        ] {
            assert_eq!(code(named), "FooError", "{named}");
        }
    }
}
