//! As much of S3 as the hub needs: an object is written, or read.

use aws_runtime::auth::SigningOptions;
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, OrchestratorError};
use aws_types::SdkConfig;

use super::engine::{Engine, Refusal, refusal};

/// Makes a connection to S3; connects to nobody. It signs as S3 wants it: the path as it is sent, and the body's
/// digest in a header, by which S3 checks what arrives.
pub(super) fn s3(config: &SdkConfig) -> Engine {
    let mut options = SigningOptions::default();
    options.double_uri_encode = false;
    options.normalize_uri_path = false;
    options.content_sha256_header = true;
    Engine::new(config, "s3", options, answer)
}

fn answer(response: &HttpResponse) -> Result<Option<Vec<u8>>, OrchestratorError<Refusal>> {
    let body = response.body().bytes().unwrap_or_default();
    if response.status().is_success() {
        return Ok(Some(body.to_vec()));
    }
    let text = String::from_utf8_lossy(body);
    let status = response.status().as_u16();
    match (status, element(&text, "Code")) {
        (404, Some("NoSuchKey") | None) => Ok(None),
        (403, None) => Err(refusal(status, Some("AccessDenied"), None, &[])),
        (_, code) => Err(refusal(status, code, element(&text, "Message"), &[])),
    }
}

/// Returns the text of an element of S3's error document, which holds no attributes and no
/// entities in what is read here.
fn element<'a>(document: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = document.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0)
}
