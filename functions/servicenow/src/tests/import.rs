use super::*;

fn target(via: &str) -> serde_json::Value {
    json!({"table": "u_incident_import", "key_field": "u_key", "via": via})
}

fn rows(titles: &[&str]) -> Vec<Record> {
    let row = |(at, title): (usize, &&str)| record(&format!("k{at}"), json!({"u_title": title}));
    titles.iter().enumerate().map(row).collect()
}

#[tokio::test]
async fn a_row_in_error_is_refused_although_the_answer_is_201() {
    let desk = Desk::new().await;
    let (outcome, failures) =
        desk.push(target("import_set"), Mode::Upsert, &rows(&["a", "", "c"])).await;
    assert_eq!((&outcome[0], &outcome[2]), (&Disposition::Created, &Disposition::Created));
    assert_eq!(refusal(&outcome[1]), "IMPORT_ERROR");
    assert!(
        matches!(&outcome[1], Disposition::Refused { message, .. } if message.contains("mandatory"))
    );
    assert!(failures.is_empty());
    let (again, _) = desk.push(target("import_set"), Mode::Upsert, &rows(&["a", "x", "d"])).await;
    assert_eq!(again, [Disposition::Unchanged, Disposition::Created, Disposition::Updated]);
}

#[tokio::test]
async fn coalesce_makes_a_lost_acknowledgement_harmless() {
    let desk = Desk::new().await;
    desk.instance.behave(|b| b.faults.lost_ack_every = 3);
    desk.push(target("import_set"), Mode::Upsert, &rows(&["a", "b", "c", "d"])).await;
    assert_eq!(desk.instance.rows("incident").len(), 4);
}

#[tokio::test]
async fn many_rows_take_one_call_and_a_look() {
    let desk = Desk::new().await;
    let titles: Vec<String> =
        (0..200).map(|n| if n == 7 { String::new() } else { n.to_string() }).collect();
    let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
    let (outcome, failures) =
        desk.push(target("import_set_many"), Mode::Upsert, &rows(&titles)).await;
    assert_eq!(refusal(&outcome[7]), "IMPORT_ERROR");
    assert_eq!(outcome.iter().filter(|one| **one == Disposition::Created).count(), 199);
    assert!(failures.iter().all(|failure| failure.code() == "deferred"));
    assert_eq!(desk.instance.rows("incident").len(), 199);
    assert_eq!(desk.instance.stats().calls, 4, "two for names, one to send, one to look");
}

#[tokio::test]
async fn a_batch_that_is_delivered_again_is_not_sent_again() {
    let desk = Desk::new().await;
    let records = rows(&["a", "b"]);
    desk.push(target("import_set_many"), Mode::Upsert, &records).await;
    let (outcome, _) = desk.push(target("import_set_many"), Mode::Upsert, &records).await;
    assert_eq!(outcome, [Disposition::Created, Disposition::Created]);
    assert_eq!(desk.instance.rows("u_incident_import").len(), 2);
}

#[tokio::test]
async fn an_import_set_only_upserts() {
    let desk = Desk::new().await;
    let target = typed(target("import_set"));
    let outcome = desk.deliver(&target, Mode::Delete, &rows(&["a"]), &mut [None]).await;
    assert!(outcome.unwrap_err().to_string().contains("upsert"));
}
