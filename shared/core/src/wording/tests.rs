use super::*;
use crate::json;

const CHANGE: &str = r#"{"id":"c1","type":"config.changed","time":"2025-10-09T08:53:20.123Z",
    "subject":"app.database.host","key":"app.database.host","environment":"prod","old":"db1",
    "new":{"host":"db2"},"by":"ci","reason":null,"version":3}"#;

fn notification(message: &str, record: &str) -> Notification {
    let message: Option<Message> = serde_json::from_str(message).unwrap();
    let record = json::parse(record.as_bytes()).unwrap();
    Wording::compile(message.as_ref()).unwrap().notification(&record, 7, Urgency::High)
}

fn fields(notification: &Notification) -> Vec<String> {
    notification.fields.iter().map(|field| format!("{}={}", field.name, field.value)).collect()
}

#[test]
fn a_configuration_change_says_who_changed_what_to_what_without_being_told_how() {
    let change = notification("null", CHANGE);
    assert_eq!(change.title, "app.database.host was changed in prod");
    assert_eq!(change.at, 1_760_000_000_123);
    assert_eq!(change.thread.as_deref(), Some("prod/app.database.host"));
    let wanted = [
        r#"Key="app.database.host""#,
        r#"Environment="prod""#,
        r#"Old value="db1""#,
        r#"New value={"host":"db2"}"#,
        r#"Changed by="ci""#,
        r#"Time="2025-10-09T08:53:20.123Z""#,
    ];
    assert_eq!(fields(&change), wanted);
    assert!(!change.resolved);
}

#[test]
fn what_was_not_there_was_set_and_what_is_gone_was_removed() {
    let title = |old: &str, new: &str| {
        let record =
            format!(r#"{{"type":"config.changed","subject":"k","old":{old},"new":{new}}}"#);
        notification("null", &record).title
    };
    assert_eq!(title("null", "1"), "k was set");
    assert_eq!(title("1", "null"), "k was removed");
}

#[test]
fn a_recovered_connection_ends_the_matter_that_its_failure_began() {
    let of = |kind: &str| {
        notification("null", &format!(r#"{{"type":"{kind}","subject":"chat","message":"m"}}"#))
    };
    let (opened, closed) = (of("connection.opened"), of("connection.closed"));
    assert_eq!(opened.thread, closed.thread);
    assert_eq!((opened.resolved, closed.resolved), (false, true));
    assert_eq!(opened.text.as_deref(), Some("m"));
}

#[test]
fn a_record_that_is_no_event_shows_its_plain_values() {
    let record =
        notification("null", r#"{"number":"INC1","opened_at":"x","n":1,"list":[1],"no":null}"#);
    assert_eq!((record.kind.as_str(), record.title.as_str(), record.at), ("record", "INC1", 7));
    assert_eq!(fields(&record), [r#"Number="INC1""#, r#"Opened at="x""#, "N=1"]);
}

#[test]
fn the_definition_has_the_say() {
    let message = r#"{"title":"${.key}:\n ${.new.host}","text":"by ${.by}","fields":{"V":".version"},
        "thread":".by","resolved":".version == 3"}"#;
    let change = notification(message, CHANGE);
    assert_eq!(change.title, "app.database.host: db2");
    assert_eq!(change.text.as_deref(), Some("by ci"));
    assert_eq!((fields(&change), change.thread.as_deref()), (vec!["V=3".to_owned()], Some("ci")));
    assert!(change.resolved);
}

#[test]
fn an_expression_that_fails_does_not_keep_anybody_from_being_told() {
    let change = notification(r#"{"title":"${.old | keys}"}"#, CHANGE);
    assert_eq!(change.title, "app.database.host was changed in prod");
    assert!(fields(&change).last().unwrap().starts_with("Message cannot be written"));
}
