//! What texts become, and how each mistake is explained.

use proptest::prelude::*;

use super::*;
use crate::definition::CursorKind;

pub(super) const INCIDENTS: &str = r#"# yaml-language-server: $schema=../schema/ferrule.schema.json
apiVersion: ferrule/v1
kind: Integration
metadata: {name: incidents-in, owner: it-ops}
trigger: {schedule: {every: 15m}}
source:
  connection: incident-export
  path: incidents/*.csv
  cursor: {field: .sys_updated_at, kind: datetime, format: "%d-%m-%Y %H:%M", overlap: 5m, tie_break: .number}
map:
  number:   .number
  state:    {from: .incident_state, lower: true}
  priority: {from: .priority, split: " - ", take: 0, type: int}
  opened:   {from: .opened_at, type: datetime, format: "%d-%m-%Y %H:%M", zone: UTC}
  assignee: {from: .assigned_to, empty: ["?"]}
  weight:   {expr: '(.reassignment_count | tonumber) + 2 * (.reopen_count | tonumber)'}
validate:
  - {required: [number, state, opened]}
  - {when: '.priority > 4', do: park, code: PRIORITY_RANGE}
output: {connection: hub, table: tickets, mode: upsert, key: .number, version: .sys_mod_count}
errors:
  - {status: [401], do: refresh_auth}
  - {status: [429], do: rate_limited}
  - {status: [5xx, timeout], do: retry}
retry: {schedule: [1m, 5m, 15m], then: park}
limits: {calls: 60/m, batch: 1000, concurrency: 1}
"#;

pub(super) const CONNECTION: &str = "
apiVersion: ferrule/v1
kind: Connection
metadata: {name: hub}
connector: records
settings: {ids: [1, 12345678901234567890123], note: \"3\"}
";

fn one(text: &str) -> Integration {
    match load(text, &Catalog::new()) {
        Ok(documents) => match documents.into_iter().next() {
            Some(Document::Integration(integration)) => *integration,
            other => panic!("{other:?}"),
        },
        Err(problems) => panic!("{problems:#?}"),
    }
}

fn problems(text: &str) -> String {
    let problems = load(text, &Catalog::new()).unwrap_err();
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// The problems after replacing a part of the example.
fn spoilt(right: &str, wrong: &str) -> String {
    assert!(INCIDENTS.contains(right), "{right}");
    problems(&INCIDENTS.replacen(right, wrong, 1))
}

#[test]
fn the_definition_of_the_design_reads_well() {
    let integration = one(INCIDENTS);
    let source = integration.source.unwrap();
    assert_eq!(source.settings.get("path").unwrap().as_str(), Some("incidents/*.csv"));
    assert_eq!(source.cursor.unwrap().kind, CursorKind::Datetime);
    assert_eq!(
        integration.output.destination().unwrap().settings.get("table").unwrap().as_str(),
        Some("tickets")
    );
    assert_eq!(integration.map.unwrap().keys().last().map(String::as_str), Some("weight"));
}

#[test]
fn json_and_yaml_say_the_same_and_hash_the_same() {
    let yaml = load(INCIDENTS, &Catalog::new()).unwrap();
    let json = yaml[0].to_value().unwrap().to_string();
    let again = load(&json, &Catalog::new()).unwrap();
    assert_eq!(yaml, again);
    assert_eq!(yaml[0].hash().unwrap(), again[0].hash().unwrap());
    let other = load(&INCIDENTS.replace("15m}", "16m}"), &Catalog::new()).unwrap();
    assert_ne!(yaml[0].hash().unwrap(), other[0].hash().unwrap());
}

#[test]
fn several_documents_and_exact_numbers_come_through() {
    let text = format!("{INCIDENTS}---{CONNECTION}");
    let documents = load(&text, &Catalog::new()).unwrap();
    let Document::Connection(hub) = &documents[1] else { panic!() };
    let settings = Value::from(hub.settings.clone()).to_string();
    assert_eq!(settings, r#"{"ids":[1,12345678901234567890123],"note":"3"}"#);
    assert_eq!(documents[1].name().as_str(), "hub");
}

#[test]
fn anchors_repeat_values_within_bounds() {
    let text = INCIDENTS.replace("{from: .assigned_to, empty: [\"?\"]}", "&a {from: .assigned_to}")
        + "tests:\n  - {name: x, given: &g {number: 1}, expect: *g}\n";
    assert_eq!(one(&text).tests[0].expect.as_ref().unwrap().to_string(), r#"{"number":1}"#);
    let mut bomb = "apiVersion: x\nx:\n  k0: &l0 [1,2,3,4,5,6,7,8,9]\n".to_owned();
    for level in 1..9 {
        bomb += &format!("  k{level}: &l{level} [{}]\n", format!("*l{},", level - 1).repeat(9));
    }
    assert!(problems(&bomb).contains("at most 50000 values"), "{}", problems(&bomb));
}

#[test]
fn a_misspelt_key_is_named_with_place_and_suggestion() {
    assert_eq!(
        spoilt("lower: true", "lowr: true"),
        "12:37: map.state.lowr: there is no key \"lowr\" here; there is from, expr, concat, const, \
         trim, empty, split, take, lower, upper, lookup, type, format, zone, scale, default, \
         required, min, max, one_of, pattern; did you mean lower?"
    );
    assert!(
        spoilt("trigger:", "triger:").starts_with("5:1: triger: there is no key \"triger\" here")
    );
    let cursor = spoilt("tie_break: .number", "tiebreak: .number");
    assert!(cursor.starts_with("9:91: source.cursor.tiebreak: there is no key"), "{cursor}");
    assert!(cursor.ends_with("did you mean tie_break?"), "{cursor}");
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table: one row per mistake")]
fn each_mistake_is_explained_where_it_stands() {
    for (right, wrong, says) in [
        (
            "ferrule/v1",
            "ferrule/v2",
            "2:13: apiVersion: there is no version \"ferrule/v2\"; this program knows ferrule/v1; did you mean",
        ),
        (
            "kind: Integration",
            "kind: Integraton",
            "3:7: kind: there is no kind \"Integraton\"; write Integration or Connection; did you mean Integration?",
        ),
        (
            "name: incidents-in",
            "name: Incidents In",
            "4:18: metadata.name: \"Incidents In\" is not a name",
        ),
        (
            "every: 15m",
            "every: 15 minutes",
            "5:29: trigger.schedule.every: \"15 minutes\" is not a duration",
        ),
        (
            "every: 15m",
            "every: 15m, cron: '0 6 * * *'",
            "5:21: trigger.schedule: write either every or cron",
        ),
        (
            "every: 15m",
            "cron: '61 6 * * *'",
            "5:28: trigger.schedule.cron: \"61 6 * * *\" is not a five-field cron",
        ),
        ("every: 15m", "cron: '0 0 6 * * *'", "is not a five-field cron"),
        (
            "every: 15m",
            "cron: '0 6 * * MON', zone: Europe/Berln",
            "trigger.schedule.zone: there is no time zone \"Europe/Berln\"",
        ),
        (
            "kind: datetime",
            "kind: date",
            "\"date\" is not one of datetime, number, text; did you mean datetime?",
        ),
        (
            "field: .sys_updated_at",
            "field: sys_updated_at",
            "9:19: source.cursor.field: \"sys_updated_at\" is not a path: it must start with a dot",
        ),
        (
            "type: int",
            "type: integer",
            "map.priority.type: \"integer\" is not one of text, int, decimal, bool, datetime, date, epoch, json; did you mean int",
        ),
        (
            "take: 0",
            "take: first",
            "13:51: map.priority.take: found string \"first\", expected a whole number",
        ),
        (
            "number:   .number",
            "number:   7",
            "11:13: map.number: found integer 7, expected a path such as .number",
        ),
        (
            "required: [number,",
            "required: [nummer,",
            "18:17: validate[0].required[0]: the mapping makes no column \"nummer\"; did you mean number?",
        ),
        (".priority > 4", ".priority >", "19:12: validate[1].when: expected a value at the end"),
        ("do: park", "do: explode", "\"explode\" is not one of ok, ignore, retry"),
        ("[1m, 5m, 15m]", "[1m, 13h]", "25:24: retry.schedule[1]: a wait is 1s to 12h"),
        ("batch: 1000", "batch: 1001", "limits.batch: a batch has 1 to 1000 records"),
        (
            "concurrency: 1",
            "concurrency: 2",
            "limits.concurrency: one run of an integration at a time",
        ),
        (
            "concurrency: 1",
            "budget: {usd_per_day: 0}",
            "limits.budget.usd_per_day: a budget has 0.000001 to 1000000 dollars a day",
        ),
        ("calls: 60/m", "calls: 60 per minute", "limits.calls: \"60 per minute\" is not a rate"),
        ("status: [401]", "status: [4001]", "errors[0].status[0]: 4001 is not a status"),
        ("connection: hub, ", "", "20:9: output: the key connection is missing"),
        (
            "metadata: {name: incidents-in, owner: it-ops}",
            "owner: it-ops",
            "4:1: owner: there is no key \"owner\" here",
        ),
        (
            "  path: incidents/*.csv",
            "  path: incidents/*.csv\n  path: other",
            "9:3: source.path: the key \"path\" stands here twice",
        ),
        ("trigger: {schedule: {every: 15m}}", "trigger: {schedule: {every: 15m}", "invalid YAML: "),
        (
            "trigger: {schedule: {every: 15m}}",
            "trigger: !env HOME",
            "5:15: trigger: the tag !env means nothing here",
        ),
        (
            "trigger: {schedule: {every: 15m}}",
            "trigger: {webhook: {recipe: github}}",
            "6:1: source: a webhook brings its records",
        ),
    ] {
        let found = spoilt(right, wrong);
        assert!(found.contains(says), "{wrong}\n  wanted {says}\n  found  {found}");
    }
}

#[test]
fn secrets_are_refused_and_never_repeated() {
    let token = format!("ghp_{}", "a1B2".repeat(9));
    for (right, wrong, path) in [
        ("incidents/*.csv", token.as_str(), "source.path"),
        ("path: incidents/*.csv", "password: hunter2", "source.password"),
        ("path: incidents/*.csv", "auth: {client_secret: hunter2}", "source.auth.client_secret"),
        ("path: incidents/*.csv", "url: https://me:hunter2@example.com/", "source.url"),
        ("path: incidents/*.csv", "url: https://example.com/?a=1&api_key=hunter2", "source.url"),
        ("path: incidents/*.csv", "path: /people?access_token=hunter2#top", "source.path"),
        (
            "path: incidents/*.csv",
            "headers: {authorization: Bearer hunter2hunter2}",
            "source.headers.authorization",
        ),
        ("owner: it-ops", token.as_str(), "metadata"),
        ("[\"?\"]", &format!("[{token}]"), "map.assignee.empty[0]"),
    ] {
        let wrong = wrong.replace("owner: it-ops", "");
        let wrong = if right == "owner: it-ops" { format!("owner: {wrong}") } else { wrong };
        let found = spoilt(right, &wrong);
        assert!(
            found.contains(&format!(": {path}")) && found.contains("ferrule secret set"),
            "{found}"
        );
        assert!(!found.contains("hunter2") && !found.contains(&token), "{found}");
    }
    one(&INCIDENTS.replacen("number:   .number", "number: .number\n  token: .token", 1));
    one(&INCIDENTS.replacen("path: incidents/*.csv", "token: ${secret.token}", 1));
    for filled_in in
        ["'/people?token={token}'", "/people?token=", "'is token=a a token?'", "/a?b=c"]
    {
        one(&INCIDENTS.replacen("incidents/*.csv", filled_in, 1));
    }
}

#[test]
fn text_that_is_no_definition_is_refused() {
    let deep = format!("a: {}", "[".repeat(100_000));
    let wide = format!("[{}]", "1,".repeat(60_000));
    for (text, says) in [
        ("", "there is no definition"),
        ("# only a comment\n", "there is no definition"),
        ("---\n---\n", "there is no definition"),
        ("just text", "a definition is an object, not string"),
        ("- a\n- b", "a definition is an object, not array"),
        ("a: 1", "the key apiVersion is missing"),
        ("apiVersion: 1", "expected ferrule/v1, found number"),
        ("apiVersion: ferrule/v1", "the key kind is missing"),
        (
            "{\"apiVersion\": \"ferrule/v1\", \"kind\": \"Integration\"}",
            "the key metadata is missing",
        ),
        ("{\"a\": 1, \"a\": 2}", "stands here twice"),
        ("? [a]\n: 1", "a key must be a text"),
        ("<<: {a: 1}", "merge keys are not part of YAML 1.2"),
        ("a: *unknown", "invalid YAML"),
        ("a: &x [*x]", "an alias cannot stand within what it names"),
        ("a: .nan", "not-a-number is not a value"),
        ("a: b: c", "invalid YAML"),
        (deep.as_str(), "1:"),
        (wide.as_str(), "at most 50000 values"),
    ] {
        let found = problems(text);
        let shown: String = text.chars().take(40).collect();
        assert!(found.contains(says), "{shown}\n  wanted {says}\n  found  {found}");
    }
    assert!(problems(&"x".repeat(MAX_BYTES + 1)).contains("at most 1048576 bytes"));
    let twice = format!("{CONNECTION}---{CONNECTION}");
    assert!(
        problems(&twice).contains("10:18: metadata.name: hub is defined twice"),
        "{}",
        problems(&twice)
    );
}

#[test]
fn an_emoji_in_json_is_read_as_json_reads_it() {
    let text = r#"{"apiVersion": "ferrule/v1", "kind": "Connection", "metadata": {"name": "a",
        "owner": "\ud83d\ude00"}, "connector": "files"}"#;
    let documents = load(text, &Catalog::new()).unwrap();
    let Document::Connection(connection) = &documents[0] else { panic!() };
    assert_eq!(connection.metadata.owner.as_deref(), Some("\u{1f600}"));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}") {
        drop(load(&text, &Catalog::new()));
    }

    #[test]
    fn no_spoilt_definition_makes_it_panic(
        at in 0..INCIDENTS.len(), len in 0..20_usize, with in "[a-z:{}\\[\\]&*!|>'\"\n\t .,?-]{0,6}"
    ) {
        let end = (at + len).min(INCIDENTS.len());
        let text = format!("{}{with}{}", &INCIDENTS[..at], &INCIDENTS[end..]);
        if let Err(problems) = load(&text, &super::fit::catalog()) {
            prop_assert!(problems.iter().all(|problem| !problem.message.is_empty()));
        }
    }
}

const ALERTS: &str = r#"
apiVersion: ferrule/v1
kind: Integration
metadata: {name: watch}
trigger: {config_change: {match: ["*.database.*", "!test.*"], urgency: high}}
output:
  notify:
    - {connection: chat, batch: {size: 10, window: 30s}}
  message: {title: "${.key} changed"}
"#;

#[test]
fn an_integration_can_tell_people_about_changes() {
    let Document::Integration(watch) = load(ALERTS, &Catalog::new()).unwrap().remove(0) else {
        panic!("not an integration")
    };
    assert_eq!(watch.trigger.unwrap().urgency(), crate::definition::Urgency::High);
}

#[test]
fn mistakes_in_what_is_told_are_found_at_their_place() {
    for (wrong, right, place, says) in [
        ("size: 10", "size: 0", "output.notify[0].batch.size", "1 to 100"),
        ("window: 30s", "window: 2d", "output.notify[0].batch.window", "1s to 1d"),
        ("${.key}", "${.key", "output.message.title", "not closed"),
        ("[\"*.database.*\", ", "[", "trigger.config_change.match", "takes out"),
    ] {
        let problems = load(&ALERTS.replace(wrong, right), &Catalog::new()).unwrap_err();
        assert_eq!(problems[0].path, place);
        assert!(problems[0].message.contains(says), "{}", problems[0]);
    }
    let typo = ALERTS.replace(
        "config_change: {match: [\"*.database.*\", \"!test.*\"]",
        "event: {type: run.faild",
    );
    let problems = load(&typo, &Catalog::new()).unwrap_err();
    assert_eq!(problems[0].suggestion.as_deref(), Some("run.failed"));
}
