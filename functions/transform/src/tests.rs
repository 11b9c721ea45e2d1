use ferrule_core::{
    RunId,
    definition::{Connection, Integration},
};
use ferrule_store::{
    Clock, ErrorFilter, ErrorState, Pick, Queues, REPLAY_RATE, ReplayWish, When, With, hash_of,
};

use super::*;

const CONNECTION: &str = r#"{"apiVersion":"ferrule/v1","kind":"Connection",
    "metadata":{"name":"hub"},"connector":"records"}"#;

struct Hub {
    store: Store,
    stage: Transform,
    envelope: Envelope,
}

/// A hub with one integration whose mapping and checks are `rules`.
async fn hub(rules: &str) -> Hub {
    let store = Store::memory(Clock::manual(1_000));
    let tenant = Tenant::new("acme").unwrap();
    let connection: Connection = serde_json::from_str(CONNECTION).unwrap();
    store.put_connection(&tenant, &connection, When::Always).await.unwrap().unwrap();
    let text = format!(
        r#"{{"apiVersion":"ferrule/v1","kind":"Integration","metadata":{{"name":"copy"}},{rules},
        "output":{{"connection":"hub","table":"b","key":".id"}}}}"#
    );
    let integration: Integration = serde_json::from_str(&text).unwrap();
    store.put_integration(&tenant, &integration, When::Always).await.unwrap().unwrap();
    let (name, hash) = (integration.metadata.name.clone(), hash_of(&integration).unwrap());
    let envelope = Envelope { token: 1, ..Envelope::new(tenant, name, hash, RunId::new("r1")) };
    let definitions = Arc::new(Definitions::new(store.clone()));
    Hub { stage: Transform::new(store.clone(), definitions), store, envelope }
}

impl Hub {
    async fn transform(&self, records: &[&str]) {
        self.transform_from(Hops::default(), records).await;
    }

    /// Transforms records that have come so far.
    async fn transform_from(&self, hops: Hops, records: &[&str]) {
        let records = records.iter().enumerate().map(|(at, text)| Record {
            line: at as u64 + 2,
            hops,
            value: ferrule_core::json::parse(text.as_bytes()).unwrap(),
            ..Record::default()
        });
        let batch =
            Batch { origin: "a.csv".into(), records: records.collect(), ..Batch::default() };
        let message = Message { envelope: self.envelope.clone(), task: Task::Transform(batch) };
        self.stage.handle(&message, Duration::from_secs(9)).await.unwrap();
    }

    fn sent(&self, function: &str) -> Option<Task> {
        self.message(function).map(|message| message.task)
    }

    fn message(&self, function: &str) -> Option<Message> {
        let Queues::Memory(queues, _) = &self.store.queues else { panic!("not in memory") };
        queues.receive(function).map(|message| Message::decode(&message.body).unwrap())
    }

    async fn errors(&self) -> Vec<ErrorRow> {
        let tenant = &self.envelope.tenant;
        self.store.errors(tenant, &ErrorFilter::default(), 50, None).await.unwrap().0
    }
}

#[tokio::test]
async fn a_bad_record_goes_to_the_error_log_alone() {
    let hub = hub(r#""map":{"id":".id","n":{"from":".n","type":"int"}}"#).await;
    hub.transform(&[r#"{"id":"a","n":"1"}"#, r#"{"id":"b","n":"x"}"#, r#"{"id":"c","n":"3"}"#])
        .await;
    let Some(Task::Load(batch)) = hub.sent("records") else { panic!("nothing to load") };
    let keys: Vec<_> = batch.records.iter().filter_map(|record| record.key.clone()).collect();
    assert_eq!(keys, ["a", "c"]);
    assert_eq!(batch.counts.refused, 1);
    let errors = hub.errors().await;
    assert_eq!((errors[0].code.as_str(), errors[0].record.line), ("TYPE", 3));
    assert!(errors[0].message.contains('n'), "{}", errors[0].message);
}

#[tokio::test]
async fn what_it_refuses_is_kept_as_the_source_gave_it_and_mapped_once_the_definition_is_better() {
    let hub = hub(r#""map":{"id":".id","n":{"from":".n","type":"int"}}"#).await;
    let texts = [r#"{"id":"a","n":"x"}"#, r#"{"id":"b","n":"1"}"#, r#"{"id":"c","n":"y"}"#];
    hub.transform(&texts).await;
    hub.transform(&texts).await; // It comes twice.
    assert!(hub.errors().await.iter().all(|row| row.state == ErrorState::Parked));
    let tenant = &hub.envelope.tenant;
    let better = hub.store.integration_by_hash(tenant, &hub.envelope.definition).await.unwrap();
    let better = Integration { map: None, ..better.unwrap() };
    hub.store.put_integration(tenant, &better, When::Always).await.unwrap().unwrap();
    let wish = ReplayWish {
        by: "ann".into(),
        pick: Pick::default(),
        with: With::Today,
        rate: REPLAY_RATE,
        approves: false,
    };
    let replay = hub.store.start_replay(tenant, wish).await.unwrap();
    hub.store.advance_replay(tenant, &replay.id, Duration::from_secs(9)).await.unwrap();
    while hub.sent("records").is_some() {}
    let Some(message) = hub.message("transform") else { panic!("nothing was replayed") };
    hub.stage.handle(&message, Duration::from_secs(9)).await.unwrap();
    let Some(Task::Load(batch)) = hub.sent("records") else { panic!("nothing to load") };
    let loaded: Vec<_> = batch.records.iter().map(|record| record.value.to_string()).collect();
    assert_eq!(loaded, [texts[0], texts[2]]);
}

#[tokio::test]
async fn what_is_replayed_stays_so() {
    let mut hub = hub(r#""map":{"id":".id"}"#).await;
    hub.envelope.replayed = true;
    hub.transform(&[r#"{"id":"a"}"#]).await;
    assert!(hub.message("records").unwrap().envelope.replayed);
}

#[tokio::test]
async fn what_fails_the_run_is_not_kept_since_the_next_run_reads_it_again() {
    let hub = hub(r#""validate":[{"when":".id == \"x\"","do":"fail","code":"STOP"}]"#).await;
    hub.transform(&[r#"{"id":"x"}"#]).await;
    let errors = hub.errors().await;
    assert_eq!((errors[0].state, errors[0].payload.clone()), (ErrorState::Open, None));
}

#[tokio::test]
async fn what_fails_a_run_that_nobody_repeats_is_parked_with_its_neighbours() {
    let mut hub = hub(r#""validate":[{"when":".id == \"x\"","do":"fail","code":"STOP"}]"#).await;
    hub.envelope.token = 0; // An event's run, or a replay's.
    let records = ["a", "x"].map(|id| Record {
        value: ferrule_core::json::parse(format!(r#"{{"id":"{id}"}}"#).as_bytes()).unwrap(),
        ..Record::default()
    });
    let batch = Batch { records: records.to_vec(), ..Batch::default() };
    let message = Message { envelope: hub.envelope.clone(), task: Task::Transform(batch) };
    let failure = hub.stage.handle(&message, Duration::from_secs(9)).await.unwrap_err();
    assert!(matches!(failure, Failure::Invalid { .. }), "the whole message is parked: {failure:?}");
    assert!(failure.to_string().contains("STOP"), "{failure}");
    assert!(hub.errors().await.is_empty(), "no row says that a record is gone");
}

#[tokio::test]
async fn a_batch_without_survivors_is_accounted_for() {
    let hub = hub(r#""validate":[{"when":".id == \"x\"","do":"ignore"}]"#).await;
    hub.transform(&[r#"{"id":"x"}"#]).await;
    assert!(hub.sent("records").is_none());
    let Some(Task::Note(Note::Batch { counts, failed, .. })) = hub.sent("journal") else {
        panic!("the journal was not told")
    };
    assert_eq!((counts.ignored, failed), (1, None));
}

#[tokio::test]
async fn a_check_can_fail_the_run() {
    let hub = hub(r#""validate":[{"when":".id == \"x\"","do":"fail","code":"STOP"}]"#).await;
    hub.transform(&[r#"{"id":"a"}"#, r#"{"id":"x"}"#]).await;
    assert!(hub.sent("records").is_none(), "nothing of a failed batch is loaded");
    let Some(Task::Note(Note::Batch { failed, .. })) = hub.sent("journal") else {
        panic!("the journal was not told")
    };
    assert!(failed.unwrap().starts_with("STOP"));
}

#[tokio::test]
async fn takes_the_sample_event() {
    let text = include_str!("../../../events/transform/batch.json");
    let event: serde_json::Value = serde_json::from_str(text).unwrap();
    let message = Message::decode(&event["Records"][0]["body"].to_string()).unwrap();
    assert!(matches!(message.task, Task::Transform(batch) if batch.records.len() == 1));
}

/// Takes everything that waits for `dispatch`: how far each event has come, and its code.
fn told(hub: &Hub) -> Vec<(Hops, String)> {
    let Queues::Memory(queues, _) = &hub.store.queues else { panic!("not in memory") };
    let mut told = Vec::new();
    while let Some(received) = queues.receive("dispatch") {
        queues.delete("dispatch", received.id);
        let Task::Events(batch) = Message::decode(&received.body).unwrap().task else {
            panic!("dispatch gets events")
        };
        let code = |record: &Record| record.value.get("code").unwrap().as_str().unwrap().to_owned();
        told.extend(batch.records.iter().map(|record| (record.hops, code(record))));
    }
    told
}

#[tokio::test]
async fn a_record_that_goes_round_is_parked_and_told_of_once() {
    let hub = hub(r#""map":{"id":".id"},"validate":[{"when":".id == \"x\"","do":"ignore"}]"#).await;
    hub.transform_from(Hops::new(15), &[r#"{"id":"a"}"#]).await;
    let Some(Task::Load(batch)) = hub.sent("records") else { panic!("nothing to load") };
    assert_eq!(batch.records[0].hops, Hops::MOST, "one more");
    let texts = [r#"{"id":"a"}"#, r#"{"id":"b"}"#, r#"{"id":"x"}"#];
    hub.transform_from(Hops::new(16), &texts).await;
    assert!(hub.sent("records").is_none());
    let Some(Task::Note(Note::Batch { counts, .. })) = hub.sent("journal") else {
        panic!("the journal was not told")
    };
    assert_eq!((counts.refused, counts.ignored), (2, 1), "what nobody wants does not go round");
    assert!(hub.errors().await.iter().all(|row| row.code == LOOP && row.payload.is_some()));
    assert_eq!(told(&hub), [(Hops::MOST, LOOP.to_owned())]);
    hub.transform_from(Hops::new(17), &[r#"{"id":"c"}"#]).await;
    assert_eq!(
        (hub.errors().await.len(), told(&hub)),
        (3, Vec::new()),
        "nobody is told of news of it"
    );
}

#[tokio::test]
async fn news_of_a_loop_is_heard_and_who_replays_it_begins_anew() {
    for (alert, replayed, after) in [(true, false, 18), (false, true, 1)] {
        let mut hub = hub(r#""map":{"id":".id"}"#).await;
        (hub.envelope.alert, hub.envelope.replayed) = (alert, replayed);
        hub.transform_from(Hops::new(17), &[r#"{"id":"a"}"#]).await;
        let Some(Task::Load(batch)) = hub.sent("records") else { panic!("nothing to load") };
        assert_eq!(batch.records[0].hops, Hops::new(after));
    }
}
