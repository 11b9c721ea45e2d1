#![cfg(test)]

use serde_json::json;

use super::*;

fn contract() -> Contract {
    let record = json!({"type": "object", "required": ["name"], "properties": {
        "name": {"type": "string", "minLength": 6}, "born": {"type": "string", "format": "date"}
    }});
    let pet = json!({"content": {"application/json": {
        "schema": {"$ref": "#/components/schemas/Pet"}
    }}});
    let read = json!({
        "parameters": [{"in": "query", "name": "limit", "schema": {"type": "integer"}}],
        "responses": {"200": pet}
    });
    let write = json!({"requestBody": pet, "security": [{"key": []}], "responses": {"204": {}}});
    Contract::new(json!({
        "servers": [{"url": "https://pets.example/v2"}],
        "paths": {"/pets/{id}": {"get": read, "put": write}},
        "components": {
            "schemas": {"Pet": record},
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}}
        }
    }))
}

fn check(query: &str, status: u16, answer: &str) -> Vec<String> {
    contract().check(&Exchange {
        method: "GET",
        path: "/v2/pets/7",
        query,
        headers: &[],
        body: b"",
        status,
        answer_type: None,
        answer: answer.as_bytes(),
    })
}

fn put(headers: &[(&str, &str)], body: &str) -> Vec<String> {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    contract().check(&Exchange {
        method: "PUT",
        path: "/v2/pets/7",
        query: "",
        headers: &headers.iter().map(own).collect::<Vec<_>>(),
        body: body.as_bytes(),
        status: 204,
        answer_type: None,
        answer: b"",
    })
}

#[test]
fn what_fits_is_not_mentioned() {
    assert_eq!(check("limit=3", 200, r#"{"name":"rexrex"}"#), Vec::<String>::new());
    let headers = [("x-key", "k"), ("content-type", "application/json; charset=utf-8")];
    assert_eq!(put(&headers, r#"{"name":"rexrex"}"#), Vec::<String>::new());
}

#[test]
fn names_what_does_not_fit() {
    assert!(check("limt=3", 200, r#"{"name":"rexrex"}"#)[0].contains("limt"));
    assert!(check("limit=x", 200, r#"{"name":"rexrex"}"#)[0].contains("limit"));
    assert!(check("", 200, "{}")[0].contains("name"));
    assert!(check("", 418, "{}")[0].contains("418"));
}

#[test]
fn a_request_is_signed_in_and_has_the_body_that_is_asked_for() {
    let json = ("content-type", "application/json");
    assert!(put(&[json], r#"{"name":"rexrex"}"#)[0].contains("not signed in"));
    let headers = [("x-key", "k"), json];
    assert!(put(&headers, r#"{"name":"rexrex","brn":"2020-01-01"}"#)[0].contains("brn"));
    assert!(put(&headers, r#"{"born":"2020-01-01"}"#)[0].contains("name"));
    let headers = [("x-key", "k"), ("content-type", "text/plain")];
    assert!(put(&headers, "rex")[0].contains("text/plain"));
}

#[test]
fn the_base_path_of_the_server_belongs_to_the_path() {
    assert!(contract().operation("GET", "/pets/7").is_none());
    assert!(contract().operation("GET", "/v2/pets/7").is_some());
}

#[test]
fn makes_up_the_smallest_answer() {
    let contract = contract();
    let reply = contract.example(&contract.operation("GET", "/v2/pets/7").unwrap()).unwrap();
    assert_eq!((reply.code(), reply.content()), (200, &br#"{"name":"textxx"}"#[..]));
    let reply = contract.example(&contract.operation("PUT", "/v2/pets/7").unwrap()).unwrap();
    assert_eq!((reply.code(), reply.content()), (204, &b""[..]));
}
