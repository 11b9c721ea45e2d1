use super::*;

fn record(line: u64, number: &str) -> Record {
    Record {
        line,
        key: Some(number.into()),
        value: typed(json!({ "number": number })),
        ..Record::default()
    }
}

fn records() -> Vec<Record> {
    let mut records = vec![record(1, "INC1"), record(2, "INC2"), record(3, "INC3")];
    records[1].deleted = true;
    records
}

#[tokio::test]
async fn each_record_is_an_event_of_its_own() {
    let desk = willing().await;
    let mut done = vec![None; 3];
    desk.load(Mode::Upsert, &records(), &mut done).await.unwrap();
    let wanted = [Disposition::Updated, Disposition::Deleted, Disposition::Updated];
    assert_eq!(done, wanted.map(Some));
    let seen = desk.receiver.requests();
    seen.iter().for_each(assert_standard);
    let kinds: Vec<_> = seen.iter().map(|request| body(request)["type"].clone()).collect();
    assert_eq!(kinds, ["record.changed", "record.deleted", "record.changed"]);
    let wanted = json!({"key": "INC1", "deleted": false, "record": {"number": "INC1"}});
    assert_eq!(body(&seen[0])["data"], wanted);
}

#[tokio::test]
async fn a_batch_can_be_one_event() {
    let desk = willing().await.with_target(json!({ "batch": true, "type": "tickets" }));
    let mut done = vec![None; 3];
    desk.load(Mode::Insert, &records(), &mut done).await.unwrap();
    let seen = desk.receiver.requests();
    assert_eq!((seen.len(), done[0].clone()), (1, Some(Disposition::Created)));
    assert_eq!(body(&seen[0])["data"]["records"][2]["key"], "INC3");
    assert_standard(&seen[0]);
}

#[tokio::test]
async fn a_repeated_batch_has_the_ids_of_the_first() {
    let ids = |desk: &Desk| -> Vec<String> {
        let seen = desk.receiver.requests();
        seen.iter().map(|request| request.header("webhook-id").unwrap().to_owned()).collect()
    };
    let desk = willing().await;
    for _ in 0..2 {
        desk.load(Mode::Upsert, &records(), &mut vec![None; 3]).await.unwrap();
    }
    let ids = ids(&desk);
    assert_eq!(ids[..3], ids[3..]);
    assert!(ids[0] != ids[1] && ids[1] != ids[2]);
}

#[tokio::test]
async fn a_record_that_is_refused_does_not_keep_its_neighbours_back() {
    let desk = Desk::new(|_, number| match number {
        1 => Reply::json(r#"{"message": "no such ticket"}"#).with_status(422),
        _ => Reply::status(200),
    });
    let (desk, mut done) = (desk.await, vec![None; 3]);
    desk.load(Mode::Upsert, &records(), &mut done).await.unwrap();
    let Some(Disposition::Refused { code, message }) = &done[1] else { panic!("{done:?}") };
    assert_eq!(code, "REJECTED");
    assert!(message.contains("no such ticket"), "{message}");
    assert_eq!(done[2], Some(Disposition::Updated));
}

#[tokio::test]
async fn what_is_done_is_not_sent_again() {
    let flaky = |_: &Request, number: usize| Reply::status(if number == 1 { 503 } else { 200 });
    let (desk, mut done) = (Desk::new(flaky).await, vec![None; 3]);
    let failure = desk.load(Mode::Upsert, &records(), &mut done).await.unwrap_err();
    assert_eq!(failure.code(), "unavailable");
    assert!(done[0].is_some() && done[1].is_none() && done[2].is_some());
    desk.load(Mode::Upsert, &records(), &mut done).await.unwrap();
    assert_eq!(desk.receiver.requests().len(), 4);
}

#[tokio::test]
async fn a_receiver_that_is_down_is_left_in_peace() {
    let desk = answering(503).await;
    let many: Vec<Record> = (1..=50).map(|line| record(line, &format!("INC{line}"))).collect();
    desk.load(Mode::Upsert, &many, &mut vec![None; 50]).await.unwrap_err();
    assert_eq!(desk.receiver.requests().len(), 3);
}

#[tokio::test]
async fn a_receiver_that_is_gone_fails_the_rest() {
    let desk = answering(410).await;
    let failure = desk.load(Mode::Upsert, &records(), &mut [None, None, None]).await.unwrap_err();
    assert_eq!(failure.code(), "TARGET_GONE");
    assert_eq!(desk.receiver.requests().len(), 1);
}

#[tokio::test]
async fn how_far_a_record_has_come_is_in_a_header() {
    let mut records = records();
    records[2].hops = ferrule_core::Hops::new(3);
    for (target, wanted) in
        [(json!({}), vec![None, None, Some("3")]), (json!({ "batch": true }), vec![Some("3")])]
    {
        let desk = willing().await.with_target(target);
        desk.load(Mode::Upsert, &records, &mut vec![None; 3]).await.unwrap();
        let seen = desk.receiver.requests();
        let hops: Vec<_> = seen.iter().map(|request| request.header("ferrule-hops")).collect();
        assert_eq!(hops, wanted);
    }
}
