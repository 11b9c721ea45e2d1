//! What the tests need in AWS: tables, queues and a bucket of their own.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::OnceLock,
    time::Duration,
};

use aws_sdk_dynamodb::{
    config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider},
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType,
        Projection, ProjectionType, ScalarAttributeType,
    },
};
use aws_types::SdkConfig;
use ferrule_store::{Places, Store};
use object_store::{aws::AmazonS3Builder, path::Path, signer::Signer};
use tokio::sync::OnceCell;

const STACK: &str = "conformance";
const BUCKET: &str = "conformance-payloads";
static READY: OnceCell<String> = OnceCell::const_new();

#[expect(clippy::disallowed_methods, reason = "tests are started with it; nothing else reads it")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn endpoint() -> Option<&'static str> {
    static ENDPOINT: OnceLock<Option<String>> = OnceLock::new();
    let endpoint = ENDPOINT.get_or_init(|| variable("FERRULE_TEST_ENDPOINT"));
    if endpoint.is_none() {
        println!("skipped AWS: FERRULE_TEST_ENDPOINT is not set");
    }
    endpoint.as_deref()
}

/// Makes a store in AWS, if there is an AWS to try.
pub(crate) async fn aws() -> Option<Store> {
    let endpoint = endpoint()?;
    let queue_prefix = READY.get_or_init(async || build(endpoint).await).await.clone();
    let places = Places {
        stack: STACK.into(),
        stage: STACK.into(),
        queue_prefix,
        payload_bucket: BUCKET.into(),
        endpoint: Some(endpoint.into()),
    };
    Some(Store::aws(&places, 1))
}

/// Creates the queue of a function and returns its URL.
pub(crate) async fn create_queue(function: &str) -> String {
    let sqs = aws_sdk_sqs::Client::new(&config());
    let queue = sqs.create_queue().queue_name(format!("{STACK}-{function}")).send().await;
    queue.expect("the queue is created").queue_url.expect("it has a URL")
}

/// Takes credentials and region from the environment.
pub(crate) fn config() -> SdkConfig {
    let set = |name| variable(name).unwrap_or_default();
    let (id, key) = (set("AWS_ACCESS_KEY_ID"), set("AWS_SECRET_ACCESS_KEY"));
    let credentials = Credentials::new(id, key, variable("AWS_SESSION_TOKEN"), None, "tests");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(ferrule_store::aws::http_client())
        .region(Region::new(set("AWS_REGION")))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(endpoint().unwrap_or_default())
        .build()
}

async fn build(endpoint: &str) -> String {
    let config = config();
    create_tables(&aws_sdk_dynamodb::Client::new(&config)).await;
    create_bucket(endpoint).await;
    let url = create_queue("probe").await;
    url.strip_suffix("probe").expect("its name is at the end").to_owned()
}

async fn create_tables(dynamodb: &aws_sdk_dynamodb::Client) {
    for table in ["registry", "synclog", "errorlog", "records", "state", "audit"] {
        let create = dynamodb.create_table().table_name(format!("{STACK}-{table}"));
        let attributes = ["pk", "sk", "alt"].map(|name| {
            let attribute = AttributeDefinition::builder().attribute_name(name);
            attribute.attribute_type(ScalarAttributeType::S).build().unwrap()
        });
        // As in the template.
        let projection = match table {
            "synclog" => ProjectionType::KeysOnly,
            _ => ProjectionType::All,
        };
        let created = create
            .set_attribute_definitions(Some(attributes.to_vec()))
            .set_key_schema(Some(keys("sk")))
            .global_secondary_indexes(
                GlobalSecondaryIndex::builder()
                    .index_name("by_alt")
                    .set_key_schema(Some(keys("alt")))
                    .projection(Projection::builder().projection_type(projection).build())
                    .build()
                    .unwrap(),
            )
            .billing_mode(BillingMode::PayPerRequest);
        match created.send().await {
            Ok(_) => {}
            Err(error) => assert!(error.into_service_error().is_resource_in_use_exception()),
        }
    }
}

/// Creates the bucket with a signed request: `object_store` has no call for it.
async fn create_bucket(endpoint: &str) {
    let builder = AmazonS3Builder::from_env().with_endpoint(endpoint).with_allow_http(true);
    let bucket = builder.with_bucket_name(BUCKET).build().unwrap();
    let root = Path::default();
    let url = bucket.signed_url(http::Method::PUT, &root, Duration::from_mins(1)).await.unwrap();
    let host = format!("{}:{}", url.host_str().unwrap(), url.port_or_known_default().unwrap());
    let target = format!("{}?{}", url.path(), url.query().unwrap());
    let mut stream = TcpStream::connect(&host).unwrap();
    let head = "Content-Length: 0\r\nConnection: close";
    write!(stream, "PUT {target} HTTP/1.1\r\nHost: {host}\r\n{head}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") || answer.contains("BucketAlready"), "{answer}");
}

fn keys(range: &str) -> Vec<KeySchemaElement> {
    let key = |name: &str, kind| {
        KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap()
    };
    vec![key("pk", KeyType::Hash), key(range, KeyType::Range)]
}
