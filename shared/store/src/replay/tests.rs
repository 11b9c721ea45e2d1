mod beside;
mod bounds;
mod unsent;

use std::{collections::BTreeSet, time::Duration};

use ferrule_core::{
    Batch, Digest, Envelope, Message, Name, Note, Record, RunId, Task, Value,
    definition::{Connection, Integration},
};

use super::*;
use crate::{Clock, Queues, When, envelope_of, hash_of, memory::Fuse};

const NOW_MS: i64 = 1_760_000_000_000;

const CONNECTION: &str = r#"{"apiVersion":"ferrule/v1","kind":"Connection",
    "metadata":{"name":"hub"},"connector":"records"}"#;

/// A mapping that takes no text, and one that does.
const BAD: &str = r#""map":{"id":".id","n":{"from":".n","type":"int"}}"#;
const GOOD: &str = r#""map":{"id":".id","n":".n"}"#;

struct World {
    store: Store,
    fuse: Fuse,
    tenant: Tenant,
}

impl World {
    /// A hub with the bad mapping, and `count` records that it refused, three to a batch.
    async fn new(count: u32) -> Self {
        let (clock, fuse) = (Clock::manual(NOW_MS), Fuse::default());
        let store = Store::memory_with(clock, &fuse);
        let world = Self { store, fuse, tenant: Tenant::new("acme").unwrap() };
        let connection: Connection = serde_json::from_str(CONNECTION).unwrap();
        world
            .store
            .put_connection(&world.tenant, &connection, When::Always)
            .await
            .unwrap()
            .unwrap();
        let hash = world.define(BAD).await;
        for (seq, batch) in (0..count).collect::<Vec<_>>().chunks(3).enumerate() {
            world.refuse(&hash, seq as u64, batch).await;
        }
        world
    }

    async fn define(&self, rules: &str) -> Digest {
        let text = format!(
            r#"{{"apiVersion":"ferrule/v1","kind":"Integration","metadata":{{"name":"copy"}},{rules},
            "output":{{"connection":"hub","table":"b","key":".id"}}}}"#
        );
        let integration: Integration = serde_json::from_str(&text).unwrap();
        self.store
            .put_integration(&self.tenant, &integration, When::Always)
            .await
            .unwrap()
            .unwrap();
        hash_of(&integration).unwrap()
    }

    fn envelope(&self, hash: &Digest) -> Envelope {
        let name = Name::new("copy").unwrap();
        Envelope::new(self.tenant.clone(), name, hash.clone(), RunId::new("r1"))
    }

    async fn refuse(&self, hash: &Digest, seq: u64, ids: &[u32]) {
        let envelope = self.envelope(hash);
        let record = |id: &u32| Record {
            value: ferrule_core::json::parse(format!(r#"{{"id":"{id}","n":"x"}}"#).as_bytes())
                .unwrap(),
            ..Record::default()
        };
        let records = ids.iter().map(record).collect();
        let batch = Batch { seq, origin: "a.csv".into(), records, ..Batch::default() };
        let rows = ids.iter().map(|id| {
            let row = ErrorRow::of(&envelope, "transform", "TYPE", "no number".into(), NOW_MS);
            ErrorRow { id: format!("e{id:03}"), ..row }
        });
        self.store.park_refused(&envelope, Task::Transform(batch), rows.collect()).await.unwrap();
    }

    /// Parks a batch whole, as a function does that gave up.
    async fn give_up(&self, hash: &Digest, id: &str) {
        self.give_up_at(hash, id, "records").await;
    }

    async fn give_up_at(&self, hash: &Digest, id: &str, by: &str) {
        let record = Record { value: Value::from("mapped"), ..Record::default() };
        let batch = Batch { seq: 7, records: vec![record], ..Batch::default() };
        let envelope = Envelope { failures: 4, ..self.envelope(hash) };
        let text =
            Message { envelope: envelope.clone(), task: Task::Load(batch) }.encode().unwrap();
        let payload = format!("parked/{id}");
        self.store.payloads.put(&self.tenant, &payload, text.into_bytes()).await.unwrap();
        let row = ErrorRow::of(&envelope, by, "unavailable", "it is down".into(), NOW_MS);
        let state = ErrorState::Parked;
        let row = ErrorRow { id: id.into(), payload: Some(payload), state, ..row };
        self.store.park_errors(&self.tenant, &[row]).await.unwrap();
    }

    /// Fills the log with rows of one integration that are as old as all others.
    async fn fill(&self, count: u32, by: &str, state: ErrorState) {
        let row = ErrorRow::of(&self.envelope(&Digest::of(&[])), by, "X", "x".into(), NOW_MS);
        let rows = (0..count).map(|n| ErrorRow {
            id: format!("a{n:06}"),
            payload: Some(format!("parked/{n}")),
            state,
            ..row.clone()
        });
        for rows in rows.collect::<Vec<_>>().chunks(100) {
            self.store.log_errors(&self.tenant, rows).await.unwrap();
        }
    }

    fn wish(pick: Pick) -> ReplayWish {
        ReplayWish { by: "ann".into(), pick, with: With::Today, rate: REPLAY_RATE, approves: false }
    }

    async fn start(&self, wish: ReplayWish) -> String {
        self.store.start_replay(&self.tenant, wish).await.unwrap().id
    }

    async fn advance(&self, id: &str) -> Result<Replay, Failure> {
        let time = Duration::from_secs(30);
        Ok(self.store.advance_replay(&self.tenant, id, time).await?.unwrap())
    }

    fn queues(&self) -> &crate::memory::Queues {
        let Queues::Memory(queues, _) = &self.store.queues else { panic!("not in memory") };
        queues
    }

    /// Takes what is on a queue and visible by now.
    fn sent(&self, function: &str) -> Vec<Message> {
        let queues = self.queues();
        let mut messages = Vec::new();
        while let Some(received) = queues.receive(function) {
            messages.push(Message::decode(&received.body).unwrap());
            queues.delete(function, received.id);
        }
        messages
    }

    /// Does what the journal does with what the run of a replay was told, and returns how it ended.
    async fn ended(&self, replay: &Replay) -> ferrule_core::RunState {
        let notes = self.sent("journal").into_iter().map(|message| match message.task {
            Task::Note(note) => note,
            other => panic!("no note: {other:?}"),
        });
        let notes: Vec<Note> = notes.collect();
        let run = self.store.note(&self.tenant, &replay.runs[0].run, &notes).await.unwrap();
        run.unwrap().state
    }

    async fn rows(&self, state: ErrorState) -> Vec<ErrorRow> {
        let filter = crate::ErrorFilter { state: Some(state), ..crate::ErrorFilter::default() };
        self.store.errors(&self.tenant, &filter, 500, None).await.unwrap().0
    }
}

fn records_of(message: &Message) -> Vec<String> {
    let (Task::Transform(batch) | Task::Load(batch)) = &message.task else { panic!("no batch") };
    batch.records.iter().map(|record| record.value.to_string()).collect()
}

#[tokio::test]
async fn what_a_bad_mapping_refused_is_mapped_by_todays_definition_once() {
    let world = World::new(5).await;
    let good = world.define(GOOD).await;
    let preview = world.store.preview_replay(&world.tenant, &Pick::default(), With::Today).await;
    let preview = preview.unwrap();
    assert_eq!((preview.errors, preview.records, preview.oldest), (5, 5, Some(NOW_MS)));
    assert_eq!(preview.definitions.len(), 1);
    assert_eq!(preview.definitions[0].today.as_ref(), Some(&good));
    let tried = preview.tried.clone().unwrap();
    assert_eq!((tried.records, tried.mapped, tried.refused), (5, 5, 0));
    assert_eq!(preview.minutes(REPLAY_RATE), 1);

    let id = world.start(World::wish(Pick::default())).await;
    let replay = world.advance(&id).await.unwrap();
    assert_eq!((replay.state, replay.records, replay.left), (ReplayState::Done, 5, 0));
    world.store.clock.advance(Duration::from_secs(1));
    let sent = world.sent("transform");
    let all: BTreeSet<String> = sent.iter().flat_map(records_of).collect();
    assert_eq!((all.len(), sent.iter().map(|one| records_of(one).len()).sum::<usize>()), (5, 5));
    let run = &replay.runs[0];
    assert!(sent.iter().all(|one| one.envelope.run == run.run && one.envelope.definition == good));
    assert!(sent.iter().all(|one| one.envelope.replayed), "it is never too late");
    let notes = world.sent("journal");
    let Task::Note(Note::End { batches, counts, .. }) = &notes[0].task else { panic!("no end") };
    assert_eq!((*batches, counts.read), (2, 5));

    let again = world.start(World::wish(Pick::default())).await;
    let again = world.advance(&again).await.unwrap();
    assert_eq!((again.state, again.errors), (ReplayState::Done, 0));
    assert!(world.sent("transform").is_empty(), "replaying twice does nothing twice");
    let rows = world.rows(ErrorState::Replayed).await;
    let done = rows[0].done.as_ref().unwrap();
    assert_eq!((rows.len(), done.by.as_str(), done.replay.as_ref()), (5, "ann", Some(&id)));
}

#[tokio::test]
async fn the_preview_says_what_todays_definition_refuses_still() {
    let world = World::new(2).await;
    let pick = Pick::default();
    let preview = world.store.preview_replay(&world.tenant, &pick, With::Today).await.unwrap();
    let tried = preview.tried.unwrap();
    assert_eq!((tried.mapped, tried.refused), (0, 2));
    assert!(tried.reason.unwrap().starts_with("TYPE: n:"));
}

#[tokio::test]
async fn whoever_dies_over_it_leaves_nothing_that_the_next_cannot_end() {
    for calls in 0.. {
        let world = World::new(7).await;
        world.define(GOOD).await;
        let id = world.start(World::wish(Pick::default())).await;
        world.fuse.light(calls);
        let survived = world.advance(&id).await.is_ok();
        world.fuse.mend();
        world.store.clock.advance(Duration::from_mins(2));
        let replay = world.advance(&id).await.unwrap();
        assert_eq!((replay.state, replay.records), (ReplayState::Done, 7), "after {calls} calls");
        world.store.clock.advance(Duration::from_secs(1));
        let mut messages = BTreeSet::new();
        for message in world.sent("transform") {
            let Task::Transform(batch) = &message.task else { panic!("no batch") };
            messages.insert((message.envelope.run.to_string(), batch.seq, records_of(&message)));
        }
        let records: Vec<_> = messages.iter().flat_map(|(_, _, records)| records).collect();
        let distinct: BTreeSet<_> = records.iter().collect();
        assert_eq!((records.len(), distinct.len()), (7, 7), "after {calls} calls: {messages:?}");
        assert_eq!(world.rows(ErrorState::Replayed).await.len(), 7);
        assert!(world.store.replays_going_on().await.unwrap().is_empty());
        if survived {
            assert!(calls > 20, "it took {calls} calls");
            return;
        }
    }
}

#[tokio::test]
async fn a_slow_rate_takes_its_time_and_nobody_sleeps() {
    let world = World::new(100).await;
    world.define(GOOD).await;
    let rate = Rate { calls: 60, window_secs: 60 };
    let id = world.start(ReplayWish { rate, ..World::wish(Pick::default()) }).await;
    let mut minutes = Vec::new();
    for _ in 0..3 {
        let replay = world.advance(&id).await.unwrap();
        let mut sent = 0;
        for _ in 0..60 {
            let now: usize = world.sent("transform").iter().map(|it| records_of(it).len()).sum();
            assert!(now <= 10, "{now} at once");
            sent += now;
            world.store.clock.advance(Duration::from_secs(1));
        }
        minutes.push((sent, replay.state));
    }
    let (running, done) = (ReplayState::Running, ReplayState::Done);
    assert_eq!(minutes, [(60, running), (40, done), (0, done)]);
}

#[tokio::test]
async fn two_replays_of_the_same_share_it() {
    let world = World::new(30).await;
    world.define(GOOD).await;
    let rate = Rate { calls: 10, window_secs: 60 };
    let wish = ReplayWish { rate, ..World::wish(Pick::default()) };
    let ids = [world.start(wish.clone()).await, world.start(wish).await];
    let mut sent = Vec::new();
    for _ in 0..5 {
        for id in &ids {
            world.advance(id).await.unwrap();
        }
        world.store.clock.advance(Duration::from_mins(1));
        sent.extend(world.sent("transform").iter().flat_map(records_of));
    }
    let distinct: BTreeSet<_> = sent.iter().collect();
    assert_eq!((sent.len(), distinct.len()), (30, 30));
}

#[tokio::test]
async fn a_batch_goes_again_as_what_it_was_and_under_todays_definition_when_asked() {
    for with in [With::AsWas, With::Today] {
        let world = World::new(0).await;
        let old = world.define(BAD).await;
        world.give_up(&old, "b1").await;
        let good = world.define(GOOD).await;
        let id = world.start(ReplayWish { with, ..World::wish(Pick::default()) }).await;
        world.advance(&id).await.unwrap();
        let sent = world.sent("records");
        let envelope = &sent[0].envelope;
        let Task::Load(batch) = &sent[0].task else { panic!("not a batch to load") };
        let as_it_was = (envelope.run.as_str(), batch.seq, envelope.failures, envelope.replayed);
        assert_eq!(as_it_was, ("r1", 7, 0, true));
        assert_eq!(envelope.definition, if with == With::Today { good } else { old });
    }
}

#[tokio::test]
async fn what_cannot_go_is_left_and_says_why() {
    let world = World::new(3).await;
    let name = Name::new("copy").unwrap();
    let kind = crate::DefinitionKind::Integration;
    world.store.delete_definition(&world.tenant, kind, &name, When::Always).await.unwrap();
    let id = world.start(World::wish(Pick::default())).await;
    let replay = world.advance(&id).await.unwrap();
    assert_eq!((replay.state, replay.errors, replay.left), (ReplayState::Done, 0, 3));
    assert_eq!(replay.reasons.keys().next().unwrap(), "there is no integration copy any more");
    assert_eq!(world.rows(ErrorState::Parked).await.len(), 3);
    let wish = ReplayWish { with: With::AsWas, ..World::wish(Pick::default()) };
    let id = world.start(wish).await;
    assert_eq!(world.advance(&id).await.unwrap().errors, 3, "its old definition is kept");
}

#[tokio::test]
async fn what_is_discarded_is_not_replayed_and_what_is_replayed_is_not_discarded() {
    let world = World::new(4).await;
    world.define(GOOD).await;
    let ids = Pick { ids: vec!["e000".into(), "e001".into(), "none".into()], ..Pick::default() };
    let discarded = world.store.discard(&world.tenant, &ids, "ann", None).await.unwrap();
    assert_eq!((discarded.errors, discarded.records, discarded.next), (2, 2, None));
    let id = world.start(World::wish(Pick::default())).await;
    assert_eq!(world.advance(&id).await.unwrap().errors, 2);
    let rest = world.store.discard(&world.tenant, &Pick::default(), "ann", None).await.unwrap();
    assert_eq!(rest.errors, 0);
    assert_eq!(world.rows(ErrorState::Discarded).await.len(), 2);
}

#[tokio::test]
async fn a_selection_takes_all_that_hold_and_pages_through_them() {
    let world = World::new(7).await;
    let old = world.define(BAD).await;
    world.give_up(&old, "b1").await;
    let parked = async |pick: Pick| world.store.parked(&world.tenant, &pick, 100, None).await;
    let count = async |pick| parked(pick).await.unwrap().0.len();
    let base = Pick::default;
    assert_eq!(count(base()).await, 8);
    assert_eq!(count(Pick { code: Some("TYPE".into()), ..base() }).await, 7);
    assert_eq!(count(Pick { run: Some(RunId::new("r2")), ..base() }).await, 0);
    assert_eq!(count(Pick { since: Some(NOW_MS + 1), ..base() }).await, 0);
    assert_eq!(count(Pick { until: Some(NOW_MS), ..base() }).await, 8);
    let (mut start, mut seen) = (None, Vec::new());
    loop {
        let (rows, next) = world.store.parked(&world.tenant, &base(), 3, start).await.unwrap();
        seen.extend(rows.into_iter().map(|row| row.id));
        start = next;
        if start.is_none() {
            break;
        }
    }
    let distinct: BTreeSet<_> = seen.iter().collect();
    assert_eq!((seen.len(), distinct.len()), (8, 8));
}

#[tokio::test]
async fn a_warning_comes_once_before_the_end_and_not_for_what_was_dealt_with() {
    let world = World::new(3).await;
    assert_eq!(world.store.warn_of_expiry().await.unwrap(), 0, "there is time");
    world.store.clock.advance(Duration::from_hours(24 * 27));
    assert_eq!(world.store.warn_of_expiry().await.unwrap(), 1);
    let told = world.sent("dispatch");
    let text = told[0].encode().unwrap();
    assert!(text.contains("errors.expiring") && text.contains("3 records of copy"), "{text}");
    assert_eq!(world.store.warn_of_expiry().await.unwrap(), 0, "once");
    world.store.clock.advance(Duration::from_hours(24 * 3));
    let preview = world.store.preview_replay(&world.tenant, &Pick::default(), With::Today).await;
    assert_eq!(preview.unwrap().errors, 0, "it is kept no longer");

    let world = World::new(3).await;
    world.store.discard(&world.tenant, &Pick::default(), "ann", None).await.unwrap();
    world.store.clock.advance(Duration::from_hours(24 * 28));
    assert_eq!(world.store.warn_of_expiry().await.unwrap(), 0);
    assert!(world.sent("dispatch").is_empty());
}

#[tokio::test]
async fn the_run_of_a_replay_ends_when_its_batches_are_accounted_for() {
    let world = World::new(3).await;
    world.define(GOOD).await;
    let id = world.start(World::wish(Pick::default())).await;
    let replay = world.advance(&id).await.unwrap();
    let run = world.store.run(&world.tenant, &replay.runs[0].run).await.unwrap().unwrap();
    assert_eq!((run.trigger.as_str(), run.state.is_over()), ("replay", false));
    let Task::Note(end) = world.sent("journal").pop().unwrap().task else { panic!("no note") };
    let counts = ferrule_core::Counts { created: 3, ..ferrule_core::Counts::default() };
    let timings = ferrule_core::Timings::default();
    let done = Note::Batch { seq: 0, others: Vec::new(), counts, timings, failed: None };
    let closed = world.store.note(&world.tenant, &run.run, &[end, done]).await.unwrap().unwrap();
    assert_eq!(closed.state, ferrule_core::RunState::Succeeded);
    assert_eq!((closed.counts.read, closed.counts.created), (3, 3));
    assert_eq!(envelope_of(&world.tenant, &closed).token, 0, "it holds no lease");
}
