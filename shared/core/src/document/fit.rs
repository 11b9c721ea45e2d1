//! Whether definitions fit the connectors and connections that there are.

use super::{
    tests::{CONNECTION, INCIDENTS},
    *,
};

pub(super) fn catalog() -> Catalog {
    let schema = |text: &str| serde_json::from_str::<ConnectorSchema>(text).unwrap();
    let files = schema(
        r##"{"settings": {"type": "object", "properties": {"root": {"type": "string"}},
              "required": ["root"], "additionalProperties": false},
            "source": {"type": "object", "properties": {"path": {"type": "string"}, "csv": {"$ref": "#/$defs/Csv"}},
              "$defs": {"Csv": {"type": "object", "properties": {"delimiter": {"type": "string"}}, "additionalProperties": false}},
              "required": ["path"], "additionalProperties": false}}"##,
    );
    let records = schema(
        r#"{"settings": {"type": "object"}, "target": {"type": "object",
              "properties": {"table": {"type": "string"}}, "additionalProperties": false}}"#,
    );
    Catalog::new()
        .connectors([("files", files), ("records", records)])
        .connections([("incident-export", "files"), ("hub", "records")])
}

fn against_catalog(right: &str, wrong: &str) -> String {
    let text = format!("{INCIDENTS}---{CONNECTION}").replacen(right, wrong, 1);
    match load(&text, &catalog()) {
        Ok(_) => "right".to_owned(),
        Err(problems) => problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    }
}

#[test]
fn definitions_must_fit_their_connectors() {
    assert_eq!(against_catalog("", ""), "right");
    for (right, wrong, says) in [
        (
            "connection: incident-export",
            "connection: incident-exprt",
            "7:15: source.connection: there is no connection \"incident-exprt\"; there is hub, incident-export; did you mean incident-export?",
        ),
        (
            "connection: hub, table",
            "connection: incident-export, table",
            "20:22: output.connection: the connector files of incident-export has nothing to write to",
        ),
        ("path: incidents", "pth: incidents", "did you mean path?"),
        ("path: incidents", "pth: incidents", "source: the key path is missing"),
        ("path: incidents/*.csv", "path: 7", "8:9: source.path: this is not of type 'string'"),
        (
            "path: incidents/*.csv",
            "path: a\n  csv: {delimeter: x}",
            "9:20: source.csv.delimeter: there is no key \"delimeter\" here; there is delimiter; did you mean delimiter?",
        ),
        (
            "connector: records",
            "connector: record",
            "connector: there is no connector \"record\" here; there is files, records; did you mean records?",
        ),
        (
            "connector: records\nsettings: {ids: [1, 12345678901234567890123], note: \"3\"}",
            "connector: files",
            "settings: the key root is missing",
        ),
    ] {
        let found = against_catalog(right, wrong);
        assert!(found.contains(says), "{wrong}\n  wanted {says}\n  found  {found}");
    }
}

#[test]
fn a_catalog_that_knows_nothing_checks_nothing() {
    let text = INCIDENTS.replace("connection: hub", "connection: elsewhere");
    assert!(load(&text, &Catalog::new()).is_ok());
    let known = Catalog::new().connections([("incident-export", "files")]);
    assert!(load(&text, &known).is_err());
    let hub = format!("{INCIDENTS}---{CONNECTION}");
    assert!(load(&hub, &known).is_ok(), "a connection in the same text is known");
}
