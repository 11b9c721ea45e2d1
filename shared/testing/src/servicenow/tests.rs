use std::{
    io::{Read, Write},
    net::TcpStream,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::*;

/// Sends one request by hand; returns status, head and body.
fn send(to: &Instance, method: &str, path: &str, auth: &str, body: &str) -> (u16, String, String) {
    let address = to.url().trim_start_matches("http://");
    let kind = if path == "/oauth_token.do" { "x-www-form-urlencoded" } else { "json" };
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\naccept: application/json\r\n\
         content-type: application/{kind}\r\nauthorization: {auth}\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = Vec::new();
    stream.read_to_end(&mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), head.to_owned(), body.to_owned())
}

fn basic(instance: &Instance) -> String {
    let login = instance.login();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", login.username, login.password)))
}

fn call(to: &Instance, method: &str, path: &str, body: &Value) -> (u16, String, Value) {
    let text = if body.is_null() { String::new() } else { body.to_string() };
    let (status, head, body) = send(to, method, path, &basic(to), &text);
    (status, head, serde_json::from_str(&body).unwrap_or_default())
}

fn get(from: &Instance, path: &str) -> (u16, String, Value) {
    call(from, "GET", path, &Value::Null)
}

fn with_incidents(count: usize) -> Instance {
    let instance = Instance::at(Clock::manual(1_736_334_727_000));
    for number in 1..=count {
        instance.insert("incident", &[("number", &format!("INC{number:04}")), ("state", "1")]);
    }
    instance
}

#[test]
fn a_record_is_written_read_changed_cleared_and_gone() {
    let now = with_incidents(0);
    let new = json!({"number": "INC0001", "priority": 3, "active": true, "no_such_field": "x"});
    let (status, head, body) = call(&now, "POST", "/api/now/table/incident", &new);
    assert_eq!((status, &body["result"]["priority"]), (201, &json!("3")));
    assert_eq!(body["result"]["sys_updated_on"], "2025-01-08 11:12:07");
    assert!(head.to_lowercase().contains("location: "));
    assert!(body["result"].get("no_such_field").is_none());
    let path = format!("/api/now/table/incident/{}", body["result"]["sys_id"].as_str().unwrap());
    let (_, _, body) = call(&now, "PATCH", &path, &json!({"priority": ""}));
    assert_eq!(
        (&body["result"]["priority"], &body["result"]["sys_mod_count"]),
        (&json!(""), &json!("1"))
    );
    assert_eq!(call(&now, "DELETE", &path, &Value::Null).0, 204);
    assert_eq!(get(&now, &path).0, 404);
    assert_eq!(now.rows("sys_audit_delete").len(), 1);
    assert_eq!(now.stats().violations, Vec::<String>::new());
}

#[test]
fn the_limit_counts_before_the_acls_and_a_typo_returns_everything() {
    let now = with_incidents(5);
    let first =
        now.rows("incident").iter().find(|row| row["number"] == "INC0001").unwrap()["sys_id"]
            .clone();
    now.hide("incident", &first);
    let list =
        "/api/now/table/incident?sysparm_fields=number,nonsense&sysparm_limit=2&sysparm_query=";
    let (_, head, body) = get(&now, &format!("{list}ORDERBYnumber"));
    assert_eq!(body["result"], json!([{"number": "INC0002"}]));
    assert!(head.contains("x-total-count: 5") && head.contains("rel=\"next\""), "{head}");
    let (_, head, _) = get(&now, &format!("{list}nmber=INC0003"));
    assert!(head.contains("x-total-count: 5"));
    now.behave(|behaviour| behaviour.strict_queries = true);
    assert_eq!(get(&now, &format!("{list}nmber=INC0003")).2["result"], json!([]));
}

#[test]
fn an_empty_list_is_404_in_v1_and_200_in_v2() {
    let now = with_incidents(0);
    assert_eq!(get(&now, "/api/now/v1/table/incident").0, 404);
    assert_eq!(get(&now, "/api/now/v2/table/incident").0, 200);
}

#[test]
fn references_are_objects_and_can_be_walked() {
    let now = with_incidents(0);
    let user = now.insert("sys_user", &[("email", "ana@example.com")]);
    now.insert("incident", &[("caller_id", &user)]);
    let path = "/api/now/table/incident?sysparm_fields=caller_id,caller_id.email";
    let row = &get(&now, path).2["result"][0];
    assert_eq!(row["caller_id"]["value"], user);
    assert_eq!(row["caller_id.email"], "ana@example.com");
}

#[test]
fn a_staging_row_that_fails_is_a_201_all_the_same() {
    let now = with_incidents(0);
    let path = "/api/now/import/u_incident_import";
    let row = |title| json!({"u_key": "k1", "u_title": title});
    let status = |body: Value| call(&now, "POST", path, &body).2["result"][0]["status"].clone();
    assert_eq!(status(row("down")), "inserted");
    assert_eq!(status(row("up")), "updated");
    assert_eq!(status(row("up")), "ignored");
    let (code, _, body) = call(&now, "POST", path, &row(""));
    assert_eq!((code, &body["result"][0]["status"]), (201, &json!("error")));
    let many =
        json!({"records": [{"u_key": "k2", "u_title": "a"}, {"u_key": "k1", "u_title": "b"}]});
    assert_eq!(call(&now, "POST", &format!("{path}/insertMultiple"), &many).0, 201);
    assert_eq!(now.rows("incident").len(), 1, "transforms later");
    get(&now, "/api/now/table/incident");
    assert_eq!(now.rows("incident").len(), 2);
    assert_eq!(now.stats().violations, Vec::<String>::new());
}

#[test]
fn lets_in_who_has_a_password_a_key_or_a_token() {
    let now = with_incidents(0);
    let path = "/api/now/table/sys_user?sysparm_limit=1";
    assert_eq!(send(&now, "GET", path, "Basic bm9ib2R5", "").0, 401);
    let form = "grant_type=client_credentials&client_id=ferrule&client_secret=s3cret-client";
    let (_, _, body) = send(&now, "POST", "/oauth_token.do", "", form);
    let token: Value = serde_json::from_str(&body).unwrap();
    let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
    assert_eq!(send(&now, "GET", path, &bearer, "").0, 200);
    now.revoke_tokens();
    assert_eq!(send(&now, "GET", path, &bearer, "").0, 401);
    assert_eq!(now.stats().token_calls, 1);
    assert_eq!(now.stats().violations, Vec::<String>::new());
}

#[test]
fn faults_come_on_every_kth_call() {
    let now = with_incidents(1);
    now.behave(|behaviour| {
        behaviour.faults = Faults {
            too_many_every: 2,
            retry_after_secs: 9,
            error_500_every: 3,
            reset_every: 5,
            cut_json_every: 7,
            lost_ack_every: 11,
            ..Faults::default()
        };
    });
    let path = "/api/now/table/incident";
    let seen: Vec<_> = (1..=7).map(|_| send(&now, "GET", path, &basic(&now), "")).collect();
    assert_eq!(seen.iter().map(|s| s.0).collect::<Vec<_>>(), [200, 429, 500, 429, 200, 429, 200]);
    assert!(seen[1].1.contains("retry-after: 9"));
    let whole = seen[0].2.len();
    assert!(seen[4].1.contains(&format!("content-length: {whole}")) && seen[4].2.len() < whole);
    assert!(serde_json::from_str::<Value>(&seen[6].2).is_err());
    (8..=10).for_each(|_| drop(get(&now, path)));
    assert_eq!(call(&now, "POST", path, &json!({"number": "INC0002"})).0, 500);
    assert_eq!(now.rows("incident").len(), 2, "the write is done, its answer is lost");
}

#[test]
fn sleeps_behind_a_page_and_limits_calls() {
    let now = with_incidents(1);
    let path = "/api/now/table/incident";
    now.behave(|behaviour| behaviour.asleep = true);
    let (status, head, body) = send(&now, "GET", path, &basic(&now), "");
    assert!(status == 200 && head.contains("text/html") && body.starts_with("<html"));
    let rule = Limit { calls: 2, window: Duration::from_hours(1) };
    now.behave(|behaviour| (behaviour.asleep, behaviour.limit) = (false, Some(rule)));
    let answers: Vec<_> = (0..3).map(|_| get(&now, path)).collect();
    assert_eq!(answers.iter().map(|a| a.0).collect::<Vec<_>>(), [200, 200, 429]);
    assert!(
        answers[2].1.contains("retry-after: ") && answers[0].1.contains("x-ratelimit-limit: 2")
    );
    assert_eq!(now.most_within(Duration::from_hours(1)), 3);
}

#[test]
fn a_call_that_is_not_in_the_contract_is_noted_where_the_contract_is_at_hand() {
    let now = with_incidents(0);
    get(&now, "/api/now/table/incident?sysparm_limt=3");
    call(&now, "POST", "/api/now/import/u_incident_import", &json!({"u_title": 7}));
    let noted = now.stats().violations;
    let is_noted = |words: &str| noted.iter().any(|one| one.contains(words));
    let at_hand = Contract::open("servicenow").is_some();
    assert_eq!(is_noted("sysparm_limt"), at_hand, "{noted:?}");
    assert_eq!(is_noted("/import/{stagingTableName}"), at_hand, "{noted:?}");
}
