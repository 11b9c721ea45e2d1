//! Planted secrets: a hub whose every credential can be told from anything else, with vendors that
//! throw them back. Then everything that can be read is searched, in every shape.

mod outside;
mod shapes;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ferrule_core::Value;
use reqwest::Method;

use crate::{
    hub::{Hub, pause},
    stack::{environments, stack},
    told::{connection, integration, quiet},
};
use outside::outside;
use shapes::{canary, found_in};

const RECORDS: &str = "apiVersion: ferrule/v1\nkind: Connection\nmetadata: {name: hub}\n\
                       connector: records\nsettings: {}";

const ORDERS: &str = "apiVersion: ferrule/v1\nkind: Integration\nmetadata: {name: orders}\n\
    trigger: {webhook: {recipe: static_header}}\nmap: {id: .id}\n\
    output: {connection: hub, table: orders, key: .id}";

/// Ways to sign in at an API: name, what stands in the profile, the secret.
fn schemes(token_url: &str) -> Vec<(&'static str, String, String)> {
    let of = |name, auth: &str, secret: String| (name, auth.to_owned(), secret);
    let client = format!("{{client_credentials: {{token_url: '{token_url}'}}}}");
    vec![
        of("bearer", "bearer", format!(r#"{{"token":"{}"}}"#, canary("bearer"))),
        of("basic", "basic", format!(r#"{{"username":"hub","password":"{}"}}"#, canary("basic"))),
        of("query", "{api_key: {query: key}}", format!(r#"{{"api_key":"{}"}}"#, canary("query"))),
        of("named", "headers", format!(r#"{{"headers":{{"x-token":"{}"}}}}"#, canary("named"))),
        of(
            "client",
            &client,
            format!(r#"{{"client_id":"hub","client_secret":"{}"}}"#, canary("client")),
        ),
    ]
}

/// How the vendor answers, by the path.
const ANSWERS: [&str; 4] = ["ok", "refuse", "deny", "fail"];

/// Defines an integration for each way to sign in and each answer; returns their names.
async fn define_pushes(hub: &Hub, base: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (scheme, auth, secret) in schemes(&format!("{base}/token")) {
        let settings = format!("{{base_url: '{base}', profile: {{auth: {auth}}}}}");
        hub.define(&connection(scheme, "rest", &settings)).await;
        hub.secret("rest", scheme, &secret).await;
        for answer in ANSWERS {
            let name = format!("push-{scheme}-{answer}");
            hub.define(&format!(
                "apiVersion: ferrule/v1\nkind: Integration\nmetadata: {{name: {name}}}\n\
                 source: {{connection: hub, table: orders}}\nmap: {{id: .id}}\n\
                 output: {{connection: {scheme}, path: '/{answer}/{{key}}', key: .id}}\n\
                 retry: {{schedule: [1m]}}"
            ))
            .await;
            names.push(name);
        }
    }
    names
}

/// Connections of connectors that tell people or read directories.
async fn define_others(hub: &Hub, base: &str) {
    let key = STANDARD.encode(canary("signing-key-0123456789"));
    for answer in ["ok", "fail", "refuse"] {
        let name = format!("hook-{answer}");
        hub.define(&connection(&name, "webhook", &format!("{{url: '{base}/{answer}'}}"))).await;
        hub.secret("webhook", &name, &format!(r#"{{"secret":"whsec_{key}"}}"#)).await;
        let name = format!("chat-{answer}");
        hub.define(&connection(&name, "slack", "{}")).await;
        let url = format!("{base}/{answer}/services/T0/{}", canary("slack").replace('/', "%2F"));
        hub.secret("slack", &name, &format!(r#"{{"webhook_url":"{url}"}}"#)).await;
    }
    hub.define(&connection("directory", "okta", &format!("{{org_url: '{base}'}}"))).await;
    hub.secret("okta", "directory", &format!(r#"{{"api_key":"{}"}}"#, canary("okta"))).await;
    let snow = format!("{{instance_url: '{base}/deny', auth: basic}}");
    hub.define(&connection("snow", "servicenow", &snow)).await;
    let secret = format!(r#"{{"username":"hub","password":"{}"}}"#, canary("snow"));
    hub.secret("servicenow", "snow", &secret).await;
    let names = ["hook-ok", "hook-fail", "hook-refuse", "chat-ok", "chat-fail", "chat-refuse"];
    let recipients = names.map(|name| format!("{{connection: {name}}}")).join(", ");
    let trigger = "{config_change: {match: [\"*\"]}}";
    let told = integration("changes", trigger, &format!("[{recipients}]"));
    hub.define(&format!("{told}\nretry: {{schedule: [1m]}}")).await;
}

/// Takes two deliveries with the right token, refuses one with another that is a secret, too.
async fn deliver_orders(hub: &Hub) {
    hub.define(RECORDS).await;
    hub.define(ORDERS).await;
    let token = canary("ingest");
    hub.secret("ingest", "orders", &format!(r#"{{"secrets":["{token}"]}}"#)).await;
    for id in ["planted-1", "planted-2"] {
        enter(hub, id, &token, id).await;
    }
    let other = canary("somebody-elses");
    let headers = [("authorization", other.as_str()), ("x-delivery-id", "3")];
    let answer = hub.deliver("orders", &headers, b"{}").await;
    assert_eq!(answer.status, 401);
    quiet(hub).await;
}

async fn enter(hub: &Hub, delivery: &str, token: &str, id: &str) {
    let headers = [("authorization", token), ("x-delivery-id", delivery)];
    let answer = hub.deliver("orders", &headers, format!(r#"{{"id":"{id}"}}"#).as_bytes()).await;
    assert!(answer.status.is_success(), "{} {}", answer.status, answer.body);
    hub.end_of(answer.text("run")).await;
}

/// A definition that holds a credential is refused, in words that do not hold it.
async fn refused(hub: &Hub) -> String {
    let in_address = format!("http://hub:{}@127.0.0.1:9/", canary("address").replace('/', "%2F"));
    let in_query = format!("http://127.0.0.1:9/?api_key={}", canary("address").replace('/', "%2F"));
    let token = format!("xoxb-1234567890-{}", canary("literal").replace(['/', '+'], "-"));
    let mut said = String::new();
    for settings in [
        format!("{{base_url: '{in_address}'}}"),
        format!("{{base_url: '{in_query}'}}"),
        format!("{{base_url: 'http://127.0.0.1:9', profile: {{headers: {{x-token: '{token}'}}}}}}"),
    ] {
        let answer = hub.put(&connection("literal", "rest", &settings)).await;
        assert!(answer.status.is_client_error(), "{settings}: {} {}", answer.status, answer.body);
        said += &answer.body.to_string();
    }
    said
}

/// Everything that the API says to somebody who may see all.
async fn answers(hub: &Hub, names: &[String]) -> String {
    let mut said = String::new();
    for path in [
        "runs?limit=100",
        "errors?limit=100",
        "parked?limit=100",
        "connections",
        "integrations",
        "status",
        "health",
        "replays",
        "keys",
        "records/orders",
        "records/error_log",
        "records/sync_log",
        "records/configuration",
        "config",
    ] {
        let answer = hub.send(Method::GET, &format!("/v1/{path}"), "").await;
        said += &format!("{path} {}\n", answer.body);
    }
    for name in names {
        let path = format!("/v1/errors?integration={name}&limit=100");
        let errors = hub.get(&path).await;
        said += &errors.to_string();
    }
    let connections = ["bearer", "basic", "query", "named", "client", "directory", "snow"];
    for name in connections.into_iter().chain(["hook-fail", "chat-fail"]) {
        let path = format!("/v1/connections/{name}/check");
        said += &hub.send(Method::POST, &path, "").await.body.to_string();
        let path = format!("/v1/connections/{name}/health");
        said += &hub.send(Method::GET, &path, "").await.body.to_string();
    }
    said
}

/// Every row, message, object and log line of the local AWS.
fn everything() -> String {
    let details = stack().details();
    let output = std::process::Command::new(environments().emulator("python"))
        .args(["-c", EVERYTHING, &details.endpoint, &details.region])
        .env("AWS_ACCESS_KEY_ID", &details.access_key)
        .env("AWS_SECRET_ACCESS_KEY", &details.secret_key)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planted_secret_is_in_no_log_table_queue_bucket_or_answer() {
    let outside = outside().await;
    let base = outside.url("");
    let hub = Hub::of("planted").await;
    deliver_orders(&hub).await;
    define_others(&hub, &base).await;
    let mut names = define_pushes(&hub, &base).await;
    let mut runs = Vec::new();
    for name in &names {
        runs.push(hub.start(name, false).await);
    }
    let answer = hub.send(Method::PUT, "/v1/config/app.banner", r#"{"value":"hello"}"#).await;
    assert!(answer.status.is_success(), "{} {}", answer.status, answer.body);
    for run in &runs {
        hub.end_of(run).await;
    }
    quiet(&hub).await;
    names.push("changes".to_owned());
    let mut said = refused(&hub).await + &answers(&hub, &names).await;
    pause(std::time::Duration::from_secs(2)).await;
    said += &answers(&hub, &names).await;

    // The search is over something: the vendors saw every secret, and what happened is written down.
    let thrown_back = outside.requests();
    let shown = format!("{thrown_back:?}");
    for name in ["bearer", "query", "named", "slack", "okta"] {
        assert!(
            shown.contains(&format!("c4nary-{name}")) || shown.contains(&canary(name)),
            "{name}"
        );
    }
    let all = everything();
    for wanted in ["planted-1", "push-bearer-fail", "will retry"] {
        assert!(all.contains(wanted), "{wanted} is nowhere");
    }
    assert!(said.contains("push-basic-refuse"), "{said}");
    let errors = hub.errors("push-bearer-refuse").await;
    assert!(
        errors.iter().any(|row| row.get("code").and_then(Value::as_str).is_some()),
        "{errors:?}"
    );
    assert_eq!(found_in(&said), None, "in an answer");
    assert_eq!(found_in(&all), None);

    // And it would find one.
    enter(&hub, "control", &canary("ingest"), &canary("control")).await;
    quiet(&hub).await;
    assert!(found_in(&everything()).is_some(), "what is there is not found");
}

const EVERYTHING: &str = r"
import sys, botocore.session
session = botocore.session.get_session()
def client(name): return session.create_client(name, endpoint_url=sys.argv[1], region_name=sys.argv[2])
tables = client('dynamodb')
for table in tables.list_tables()['TableNames']:
    start = {}
    while True:
        page = tables.scan(TableName=table, **start)
        for row in page['Items']: print('table', table, row)
        if 'LastEvaluatedKey' not in page: break
        start = {'ExclusiveStartKey': page['LastEvaluatedKey']}
queues = client('sqs')
for url in queues.list_queues().get('QueueUrls', []):
    if not url.endswith('-dead'): continue
    for _ in range(20):
        for message in queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=1).get('Messages', []):
            print('queue', url, message['Body'])
buckets = client('s3')
for bucket in buckets.list_buckets()['Buckets']:
    start = {}
    while True:
        page = buckets.list_objects_v2(Bucket=bucket['Name'], **start)
        for row in page.get('Contents', []):
            body = buckets.get_object(Bucket=bucket['Name'], Key=row['Key'])['Body'].read()
            print('bucket', bucket['Name'], row['Key'], body.decode('utf-8', 'replace'))
        if not page.get('IsTruncated'): break
        start = {'ContinuationToken': page['NextContinuationToken']}
functions = client('lambda')
for function in functions.list_functions()['Functions']: print('function', function['FunctionName'], function.get('Environment'))
logs = client('logs')
for group in logs.describe_log_groups()['logGroups']:
    start = {}
    while True:
        page = logs.filter_log_events(logGroupName=group['logGroupName'], **start)
        for event in page['events']: print('log', group['logGroupName'], event['message'].strip())
        if not page.get('nextToken'): break
        start = {'nextToken': page['nextToken']}
";
