//! Rules for the template that cfn-lint does not know, checked on what AWS would make of it.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::LazyLock;

use ferrule_cli::stack::Workspace;
use ferrule_core::cost::{Deployed, Item, idle_month};
use serde::Deserialize;
use serde_json::Value;

use crate::stack::environments;

const LONGEST_DELAY_SECS: u64 = 900;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Resource {
    r#type: String,
    #[serde(default)]
    properties: Value,
    deletion_policy: Option<String>,
    update_replace_policy: Option<String>,
}

static RESOURCES: LazyLock<BTreeMap<String, Resource>> = LazyLock::new(|| {
    let root = Workspace::find().unwrap().root().to_owned();
    let printed = Command::new(environments().deploy("python"))
        .arg(root.join("infra/expand.py"))
        .arg(root.join("infra/template.yaml"))
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .output()
        .unwrap();
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    serde_json::from_slice(&printed.stdout).unwrap()
});

/// The resources of one type; never none, or the rule would hold for nothing.
fn all(kind: &str) -> Vec<(&'static str, &'static Resource)> {
    let found: Vec<_> = RESOURCES
        .iter()
        .filter(|(_, resource)| resource.r#type == kind)
        .map(|(name, resource)| (name.as_str(), resource))
        .collect();
    assert!(!found.is_empty(), "the template has no {kind}");
    found
}

/// The logical name behind a `Ref` or a `Fn::GetAtt`.
fn referred(value: &Value) -> Option<&str> {
    value["Ref"].as_str().or_else(|| value["Fn::GetAtt"][0].as_str())
}

/// The queues that functions read, each with the function; dead-letter queues among them.
fn mappings() -> Vec<(&'static str, &'static str)> {
    all("AWS::Lambda::EventSourceMapping")
        .into_iter()
        .map(|(name, mapping)| {
            let queue = referred(&mapping.properties["EventSourceArn"]);
            let function = referred(&mapping.properties["FunctionName"]);
            queue.zip(function).unwrap_or_else(|| panic!("{name} names no queue and function"))
        })
        .collect()
}

fn property(name: &str, key: &str) -> &'static Value {
    &RESOURCES[name].properties[key]
}

/// Every statement of every policy that belongs to a role.
fn statements() -> Vec<(&'static str, &'static Value)> {
    let inline = all("AWS::IAM::Role").into_iter().flat_map(|(name, role)| {
        let policies = role.properties["Policies"].as_array().into_iter().flatten();
        policies.map(move |policy| (name, &policy["PolicyDocument"]))
    });
    let attached = all("AWS::IAM::Policy")
        .into_iter()
        .map(|(name, policy)| (name, &policy.properties["PolicyDocument"]));
    inline
        .chain(attached)
        .flat_map(|(name, document)| {
            let statements = document["Statement"].as_array().unwrap();
            statements.iter().map(move |statement| (name, statement))
        })
        .collect()
}

/// A value that is one thing or a list of things, as a list.
fn listed(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |many| many.iter().collect())
}

#[test]
fn every_queue_has_a_dead_letter_queue_that_a_function_drains() {
    let read: Vec<&str> = mappings().into_iter().map(|(queue, _)| queue).collect();
    for (name, queue) in all("AWS::SQS::Queue") {
        assert!(read.contains(&name), "nobody reads {name}");
        if name.ends_with("DeadLetters") {
            continue;
        }
        let redrive = &queue.properties["RedrivePolicy"];
        let dead = referred(&redrive["deadLetterTargetArn"]).unwrap_or_else(|| panic!("{name}"));
        assert!(dead.ends_with("DeadLetters") && read.contains(&dead), "{name} ends in {dead}");
        assert_eq!(redrive["maxReceiveCount"], 10, "{name}");
    }
}

/// What is urgent has a lane of its own through every function but the journal, for which nobody
/// waits; both lanes end in the same place.
#[test]
fn every_function_with_a_queue_has_one_for_what_is_urgent() {
    type Lanes = Vec<(&'static str, &'static str)>;
    let lanes = mappings().into_iter().filter(|(queue, _)| !queue.ends_with("DeadLetters"));
    let (urgent, bulk): (Lanes, Lanes) = lanes.partition(|(queue, _)| queue.contains("Urgent"));
    assert!(urgent.len() > 2 && bulk.len() == urgent.len() + 1, "{urgent:?} {bulk:?}");
    for (queue, function) in bulk.into_iter().filter(|(queue, _)| *queue != "journalQueue") {
        let other = queue.replace("Queue", "UrgentQueue");
        assert!(urgent.contains(&(other.as_str(), function)), "{function} has no {other}");
        let dead = |queue: &str| referred(&property(queue, "RedrivePolicy")["deadLetterTargetArn"]);
        assert_eq!(dead(queue), dead(&other));
        let name = &property(queue, "QueueName")["Fn::Sub"];
        let name = property(queue, "QueueName").as_str().or(name.as_str()).unwrap();
        let lane = &property(&other, "QueueName");
        let lane = lane.as_str().or(lane["Fn::Sub"].as_str()).unwrap();
        assert_eq!(lane, format!("{name}-urgent"), "where the store sends what is urgent");
    }
}

/// Functions read only from queues, so whoever may not send to one cannot reach it.
#[test]
fn whoever_parks_work_may_tell_of_it() {
    for role in ["api", "config", "schedule", "transform", "dispatch", "journal", "deadletter"] {
        let sends = statements().into_iter().filter(|(name, statement)| {
            let sends = listed(&statement["Action"]).iter().any(|one| *one == "sqs:SendMessage");
            sends && name.trim_end_matches("Access") == role
        });
        let to: Vec<_> = sends
            .flat_map(|(_, statement)| listed(&statement["Resource"]))
            .filter_map(referred)
            .collect();
        for queue in ["dispatchQueue", "dispatchUrgentQueue"] {
            assert!(to.contains(&queue), "{role} cannot send to {queue}, only to {to:?}");
        }
    }
}

/// What the price of an idle month rests on.
#[test]
fn there_are_as_many_queues_and_alarms_as_an_idle_month_is_priced_for() {
    let connectors = all("AWS::SQS::Queue").len() - 8;
    assert_eq!(connectors % 3, 0, "three queues a connector");
    let connectors = u32::try_from(connectors / 3).unwrap();
    let idle = |pollers| idle_month(Deployed { connectors, secrets: 0, pollers });
    let alarms = u32::try_from(all("AWS::CloudWatch::Alarm").len()).unwrap();
    assert!((idle(2).of(Item::AlarmMonth) - f64::from(alarms)).abs() < 0.1, "{alarms} alarms");
    // Each is asked three times a minute by each poller.
    let polls_of_one = 3.0 * 43_200.0;
    let queues = f64::from(u32::try_from(all("AWS::SQS::Queue").len()).unwrap());
    assert!(
        (idle(1).of(Item::QueueRequest) - queues * polls_of_one).abs() < 1.0,
        "{queues} queues"
    );
}

#[test]
fn a_message_stays_hidden_for_six_time_outs() {
    for (queue, function) in mappings() {
        let visibility = property(queue, "VisibilityTimeout").as_u64().unwrap();
        let timeout = property(function, "Timeout").as_u64().unwrap();
        assert!(visibility >= 6 * timeout, "{queue} {visibility} s, {function} {timeout} s");
    }
}

#[test]
fn no_delay_is_longer_than_sqs_allows() {
    for (name, queue) in all("AWS::SQS::Queue") {
        let delay = queue.properties["DelaySeconds"].as_u64().unwrap_or_default();
        assert!(delay <= LONGEST_DELAY_SECS, "{name} delays by {delay} s");
    }
}

#[test]
fn a_half_done_batch_gives_back_only_the_other_half() {
    for (name, mapping) in all("AWS::Lambda::EventSourceMapping") {
        let types = &mapping.properties["FunctionResponseTypes"];
        assert_eq!(types, &serde_json::json!(["ReportBatchItemFailures"]), "{name}");
    }
}

#[test]
fn no_policy_of_a_role_names_a_wildcard() {
    for (name, statement) in statements() {
        assert_eq!(statement["Effect"], "Allow", "{name}");
        for action in listed(&statement["Action"]) {
            let action = action.as_str().unwrap();
            assert!(!action.contains('*'), "{name} may {action}");
        }
        for resource in listed(&statement["Resource"]) {
            let text = resource.as_str().or_else(|| resource["Fn::Sub"].as_str());
            let Some(text) = text else {
                assert!(referred(resource).is_some(), "{name}: cannot read {resource}");
                continue;
            };
            // Below something named: the objects of one bucket, the secrets of one function.
            let rest = text.strip_suffix("/*").unwrap_or(text);
            let named = !rest.contains('*') && !rest.ends_with(':') && !rest.is_empty();
            assert!(named, "{name} reaches {text}");
        }
    }
}

#[test]
fn each_function_reads_only_its_own_secrets() {
    let mut readers = 0;
    for (name, statement) in statements() {
        let actions = listed(&statement["Action"]);
        if !actions.iter().any(|action| *action == "secretsmanager:GetSecretValue") {
            continue;
        }
        readers += 1;
        let owner = name.trim_end_matches("Role").trim_end_matches("Access");
        let resource = &statement["Resource"];
        let text = resource.as_str().or_else(|| resource["Fn::Sub"].as_str()).unwrap();
        assert!(text.ends_with(&format!("/{owner}/*")), "{name} reads {text}");
    }
    assert!(readers >= 2, "only {readers} functions read secrets");
}

#[test]
fn no_environment_variable_holds_a_secret() {
    for (name, function) in all("AWS::Lambda::Function") {
        let variables = function.properties["Environment"]["Variables"].as_object().unwrap();
        for key in variables.keys() {
            let lower = key.to_lowercase();
            let secret = ["secret", "token", "password", "key", "credential"];
            assert!(!secret.iter().any(|word| lower.contains(word)), "{name} has {key}");
        }
    }
}

#[test]
fn lambda_itself_logs_warnings_only_and_logs_do_not_stay_for_ever() {
    for (name, function) in all("AWS::Lambda::Function") {
        let logging = &function.properties["LoggingConfig"];
        assert_eq!(logging["LogFormat"], "JSON", "{name}");
        assert_eq!(logging["SystemLogLevel"], "WARN", "{name}");
        let group = referred(&logging["LogGroup"]).unwrap_or_else(|| panic!("{name} logs nowhere"));
        assert!(!property(group, "RetentionInDays").is_null(), "{group} grows for ever");
    }
}

#[test]
fn what_holds_data_survives_the_stack_and_can_be_restored() {
    for (name, table) in all("AWS::DynamoDB::Table") {
        kept(name, table);
        let recovery = &table.properties["PointInTimeRecoverySpecification"];
        assert_eq!(recovery["PointInTimeRecoveryEnabled"], true, "{name}");
    }
    for (name, bucket) in all("AWS::S3::Bucket") {
        kept(name, bucket);
        assert_eq!(bucket.properties["VersioningConfiguration"]["Status"], "Enabled", "{name}");
    }
}

fn kept(name: &str, resource: &Resource) {
    assert_eq!(resource.deletion_policy.as_deref(), Some("Retain"), "{name}");
    assert_eq!(resource.update_replace_policy.as_deref(), Some("Retain"), "{name}");
}

#[test]
fn everything_is_encrypted_at_rest() {
    for (name, table) in all("AWS::DynamoDB::Table") {
        assert_eq!(table.properties["SSESpecification"]["SSEEnabled"], true, "{name}");
    }
    for (name, queue) in all("AWS::SQS::Queue") {
        assert_eq!(queue.properties["SqsManagedSseEnabled"], true, "{name}");
    }
    for (name, bucket) in all("AWS::S3::Bucket") {
        assert!(!bucket.properties["BucketEncryption"].is_null(), "{name}");
        let open = bucket.properties["PublicAccessBlockConfiguration"].as_object().unwrap();
        assert!(open.len() == 4 && open.values().all(|blocked| *blocked == true), "{name}");
    }
}

#[test]
fn queues_and_buckets_refuse_what_is_not_tls() {
    let queues: Vec<_> = all("AWS::SQS::QueuePolicy");
    let refusing = |resource: &Resource| {
        let statement = &resource.properties["PolicyDocument"]["Statement"][0];
        statement["Effect"] == "Deny"
            && statement["Condition"]["Bool"]["aws:SecureTransport"] == "false"
    };
    assert!(queues.iter().all(|(_, policy)| refusing(policy)));
    let covered: Vec<_> = queues
        .iter()
        .flat_map(|(_, policy)| listed(&policy.properties["Queues"]))
        .filter_map(referred)
        .collect();
    for (name, _) in all("AWS::SQS::Queue") {
        assert!(covered.contains(&name), "{name} takes plain HTTP");
    }
    let buckets = all("AWS::S3::BucketPolicy");
    assert_eq!(buckets.len(), all("AWS::S3::Bucket").len());
    assert!(buckets.iter().all(|(_, policy)| refusing(policy)));
}

#[test]
fn somebody_is_told_of_dead_letters_late_messages_and_crashes() {
    let watched: Vec<String> =
        all("AWS::CloudWatch::Alarm").iter().map(|(_, alarm)| watched(alarm)).collect();
    for (name, _) in all("AWS::SQS::Queue") {
        let metric = if name.ends_with("DeadLetters") {
            "NumberOfMessagesVisible"
        } else {
            "AgeOfOldestMessage"
        };
        let wanted = format!("Approximate{metric} {name}");
        assert!(watched.contains(&wanted), "no alarm on {wanted}");
    }
    for (_, function) in all("AWS::Lambda::Function") {
        let wanted = format!("Errors {}", function.properties["FunctionName"].as_str().unwrap());
        assert!(watched.contains(&wanted), "no alarm on {wanted}");
    }
}

#[test]
fn an_error_line_of_any_function_raises_an_alarm() {
    let filters = all("AWS::Logs::MetricFilter");
    for (name, function) in all("AWS::Lambda::Function") {
        let group = referred(&function.properties["LoggingConfig"]["LogGroup"]);
        let told = filters.iter().any(|(_, filter)| {
            let pattern = filter.properties["FilterPattern"].as_str().unwrap();
            referred(&filter.properties["LogGroupName"]) == group && pattern.contains("ERROR")
        });
        assert!(told, "nobody reads the errors of {name}");
    }
    let metric = &filters[0].1.properties["MetricTransformations"][0]["MetricName"];
    let alarms = all("AWS::CloudWatch::Alarm");
    assert!(alarms.iter().any(|(_, alarm)| alarm.properties["MetricName"] == *metric));
}

/// The metric an alarm watches and on what.
fn watched(alarm: &Resource) -> String {
    let on = &alarm.properties["Dimensions"][0]["Value"];
    let on = referred(on).or_else(|| on.as_str()).unwrap_or_default();
    format!("{} {on}", alarm.properties["MetricName"].as_str().unwrap_or_default())
}

#[test]
fn what_passes_through_the_bucket_outlives_every_queue_and_nothing_else_is_forgotten() {
    let kept = all("AWS::SQS::Queue").into_iter();
    let kept = kept.map(|(_, queue)| queue.properties["MessageRetentionPeriod"].as_u64().unwrap());
    let longest_secs = kept.max().unwrap();
    for (name, bucket) in all("AWS::S3::Bucket") {
        let rules = bucket.properties["LifecycleConfiguration"]["Rules"].as_array().unwrap();
        let passing = rules.iter().find(|rule| rule["Prefix"] == "_messages/");
        let days = passing.and_then(|rule| rule["ExpirationInDays"].as_u64()).unwrap();
        assert!(days * 86_400 > longest_secs, "{name}: {days} days");
        // No tenant's name begins so: what tenants keep has no end.
        let prefix = |rule: &Value| rule["Prefix"].as_str().unwrap_or_default().to_owned();
        let ends = rules.iter().filter(|rule| !rule["ExpirationInDays"].is_null());
        assert!(ends.map(prefix).all(|prefix| prefix.starts_with('_')), "{name}");
    }
}
