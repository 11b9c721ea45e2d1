use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use ferrule_core::{Name, Value};
use ferrule_store::Store;
use http::StatusCode;

use super::HOST;
use crate::hub::{Hub, tenant};

/// What must not be seen anywhere.
const PLANTED: &str = "pl4nted-s3cret";

const PASSWORD: &str = "/v1/config/app.database.password";

/// Everything that is stored and sent, but for the vault.
fn everything(store: &Store) -> String {
    format!("{store:?}")
}

#[tokio::test]
async fn a_secret_is_in_no_row_message_or_answer() {
    let hub = Hub::bare().await;
    let body = format!(r#"{{"value": "{PLANTED}", "sensitive": true, "reason": "new"}}"#);
    let put = hub.set(PASSWORD, &body).await;
    assert_eq!((put.status, &*put.at("/sensitive")), (StatusCode::CREATED, "true"));
    assert!(put.at("/hash").starts_with("salted:"));
    let mut answers = vec![put];
    answers.push(hub.set(PASSWORD, &body).await);
    assert_eq!(answers[1].at("/changed"), "false");
    answers.push(hub.set(PASSWORD, r#"{"value": "other"}"#).await);
    answers.push(hub.back(PASSWORD, r#"{"version": 1}"#).await);
    assert_eq!(answers[0].at("/hash"), answers[3].at("/hash"));
    let misfit =
        format!(r#"{{"value": {{"{PLANTED}": "{PLANTED}"}}, "schema": {{"type": "string"}}}}"#);
    answers.push(hub.set(PASSWORD, &misfit).await);
    assert_eq!(answers[4].status, StatusCode::UNPROCESSABLE_ENTITY);
    let changes =
        format!(r#"{{"changes": [{{"key": "app.database.password", "value": "{PLANTED}2"}}]}}"#);
    answers.push(hub.ask(&hub.writer, "POST", "/v1/config", &[], &changes).await);
    for path in [PASSWORD, "/v1/config", "/v1/config?match=*.password", "/v1/errors"] {
        answers.push(hub.get(path).await);
    }
    answers.push(hub.get(&format!("{PASSWORD}/history")).await);
    assert!(everything(&hub.store).contains("salted:"), "this does see rows");
    for answer in answers {
        assert!(!answer.text.contains(PLANTED), "{}", answer.text);
    }
    assert!(!everything(&hub.store).contains(PLANTED));
    let told = hub.told().await;
    assert_eq!(told.len(), 4);
    assert!(told.iter().all(|(event, _)| !event.to_string().contains(PLANTED)));
    assert_eq!(told[0].0.get("sensitive"), Some(&Value::from(true)));
    let (config, path) = (Name::new("config").unwrap(), "default/app.database.password");
    let secret = hub.store.secrets.read_version(&config, &tenant("acme"), path, "v1").await;
    assert!(secret.unwrap().unwrap().expose().contains(PLANTED), "it is in the vault");
}

#[tokio::test]
async fn what_becomes_a_secret_leaves_the_history() {
    let hub = Hub::bare().await;
    hub.set(HOST, &format!(r#"{{"value": "{PLANTED}"}}"#)).await;
    hub.set(HOST, r#"{"value": "b"}"#).await;
    hub.told().await;
    assert!(everything(&hub.store).contains(PLANTED), "so far it was none");
    let hidden = hub.set(HOST, r#"{"sensitive": true}"#).await;
    assert_eq!((&*hidden.at("/version"), &*hidden.at("/changed")), ("3", "true"));
    assert!(!everything(&hub.store).contains(PLANTED));
    let told = hub.told().await;
    assert!(!told[0].0.to_string().contains("\"b\""), "{}", told[0].0);
    let back = hub.back(HOST, r#"{"version": 1}"#).await;
    assert_eq!(back.status, StatusCode::OK, "{}", back.text);
    let history = hub.get(&format!("{HOST}/history")).await;
    assert_eq!(history.at("/items/0/hash"), history.at("/items/3/hash"));
    let shown = hub.set(HOST, r#"{"sensitive": false}"#).await;
    assert_eq!(shown.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(!format!("{}{}", shown.text, history.text).contains(PLANTED));
}

#[tokio::test]
async fn a_secret_that_is_not_kept_any_more_cannot_be_gone_back_to() {
    let hub = Hub::bare().await;
    for n in 0..20 {
        hub.set(HOST, &format!(r#"{{"value": {n}, "sensitive": true}}"#)).await;
    }
    let back = hub.back(HOST, r#"{"version": 1}"#).await;
    assert_eq!(back.status, StatusCode::GONE, "{}", back.text);
    assert_eq!(hub.back(HOST, r#"{"version": 6}"#).await.status, StatusCode::OK);
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_secret_is_in_no_log_line_whatever_fails() {
    let (log, level) = (Log::default(), tracing::Level::TRACE);
    let writer = log.clone();
    let lines = tracing_subscriber::fmt().with_max_level(level).with_writer(move || writer.clone());
    let guard = tracing::subscriber::set_default(lines.finish());
    let body =
        format!(r#"{{"value": "{PLANTED}", "sensitive": true, "schema": {{"minLength": 3}}}}"#);
    for calls in 0..14 {
        let hub = Hub::bare().await;
        hub.set(HOST, r#"{"value": "plain"}"#).await;
        hub.fuse.light(calls);
        let answer = hub.set(HOST, &body).await;
        assert!(!answer.text.contains(PLANTED), "{}", answer.text);
        hub.fuse.mend();
        hub.queue_fuse.light(calls % 2);
        hub.set(HOST, &body.replace("\"minLength\": 3", "\"maxLength\": 3")).await;
        hub.set(HOST, &body.replace(PLANTED, &format!("{PLANTED}{calls}"))).await;
    }
    drop(guard);
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for line in ["could not answer a request", "an event is sent later"] {
        assert!(log.contains(line), "{line}");
    }
    assert!(!log.contains(PLANTED));
}
