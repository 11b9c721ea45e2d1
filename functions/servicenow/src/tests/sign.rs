use futures::ten_at_once;

use super::*;

mod futures {
    use super::*;

    /// Reads with ten workers at once.
    pub(super) async fn ten_at_once(desk: std::sync::Arc<Desk>) -> Vec<Result<Fetched, Failure>> {
        let mut workers = tokio::task::JoinSet::new();
        for _ in 0..10 {
            let desk = std::sync::Arc::clone(&desk);
            workers.spawn(async move {
                let source = typed(json!({"table": "incident"}));
                desk.page(&source, &Value::Null, None).await
            });
        }
        workers.join_all().await
    }
}

#[tokio::test]
async fn a_401_in_mid_run_costs_one_token_for_ten_workers() {
    let desk = std::sync::Arc::new(Desk::with(json!({"auth": "oauth"})).await);
    desk.instance.insert("incident", &[("number", "INC1")]);
    assert!(ten_at_once(desk.clone()).await.iter().all(Result::is_ok));
    assert_eq!(desk.instance.stats().token_calls, 1);
    desk.instance.revoke_tokens();
    let pages = ten_at_once(desk.clone()).await;
    assert!(pages.iter().all(Result::is_ok), "{pages:?}");
    assert_eq!(desk.instance.stats().token_calls, 2);
    desk.assert_contract();
}

#[tokio::test]
async fn signs_in_with_a_key_and_with_a_users_token() {
    let desk = Desk::with(json!({"auth": "api_key"})).await;
    assert!(desk.connector.check(&desk.context()).await.is_ok());
    let mut desk = Desk::with(json!({"auth": "oauth"})).await;
    let login = desk.instance.login();
    let secret = json!({
        "client_id": login.client_id, "client_secret": login.client_secret,
        "username": login.username, "password": login.password
    });
    desk.store_secret(&secret).await;
    desk.secret = typed(secret);
    assert!(desk.connector.check(&desk.context()).await.is_ok());
    desk.assert_contract();
}

#[tokio::test]
async fn a_check_tells_bad_credentials_from_a_dead_and_from_a_sleeping_host() {
    let mut desk = Desk::new().await;
    assert!(desk.connector.check(&desk.context()).await.is_ok());
    desk.store_secret(&json!({"username": "integration", "password": "s3cret-wrong"})).await;
    let failure = desk.connector.check(&desk.context()).await.unwrap_err();
    assert_eq!(failure.code(), "unauthorized");
    assert!(!format!("{failure:?}").contains("s3cret"), "{failure:?}");
    desk.instance.behave(|b| b.asleep = true);
    let failure = desk.connector.check(&desk.context()).await.unwrap_err();
    assert!(failure.code() == "unavailable" && failure.to_string().contains("hibernating"));
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    desk.settings.instance_url = format!("http://{nobody}");
    let failure = desk.connector.check(&desk.context()).await.unwrap_err();
    assert!(
        failure.code() == "unavailable" && failure.to_string().contains("connect"),
        "{failure}"
    );
}
