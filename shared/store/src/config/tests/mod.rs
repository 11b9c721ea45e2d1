//! Values over the store in memory.

mod kills;
mod model;

use ferrule_core::{Message, Name, Task, Tenant, Value, json};

use super::*;
use crate::{Clock, Listeners, Queues, Refused, Store, Table, When, memory::Fuse};

/// 2023-11-14T22:13:20Z
const NOW_MS: i64 = 1_700_000_000_000;

/// What must not be seen anywhere.
const PLANTED: &str = "pl4nted-s3cret";

/// A tenant's configuration.
struct World {
    store: Store,
    fuse: Fuse,
    listeners: Listeners,
    tenant: Tenant,
}

impl World {
    fn new() -> Self {
        let fuse = Fuse::default();
        let store = Store::memory_with(Clock::manual(NOW_MS), &fuse);
        let listeners = Listeners::new(store.clone());
        Self { store, fuse, listeners, tenant: Tenant::new("acme").unwrap() }
    }

    async fn try_all(
        &self,
        changes: &[ConfigChange],
    ) -> Result<Result<Vec<ConfigDone>, Refused>, Failure> {
        let told = Some((&self.listeners, ferrule_core::Hops::default()));
        let made = self.store.change_config(&self.tenant, "ann", changes, told).await?;
        Ok(made.map(|(done, _)| done))
    }

    async fn make(&self, change: ConfigChange) -> Result<ConfigDone, ConfigRefusal> {
        let made = self.try_all(&[change]).await.unwrap();
        made.map(|mut done| done.remove(0)).map_err(|refused| refused.why)
    }

    async fn set(&self, key: &str, text: &str) -> Result<ConfigDone, ConfigRefusal> {
        self.make(set(key, text)).await
    }

    async fn hide(&self, key: &str, text: &str) -> Result<ConfigDone, ConfigRefusal> {
        self.make(hidden(key, text)).await
    }

    /// Returns all versions, oldest first.
    async fn history(&self, key: &str) -> Vec<ConfigVersion> {
        let history = self.store.config_history(&self.tenant, &at(key), 0, None).await;
        let mut versions = history.unwrap().0;
        versions.reverse();
        versions
    }

    /// Returns the value of a version, wherever it is.
    async fn value(&self, key: &str, version: &ConfigVersion) -> Option<Value> {
        match &version.held {
            Held::Plain(value) => Some(value.clone()),
            held => {
                let opened = self.store.open(&self.tenant, &at(key), held).await.unwrap();
                opened.map(|opened| opened.value)
            }
        }
    }

    /// Sends what is posted, and takes it off the queue: the events.
    async fn events(&self) -> Vec<Value> {
        self.store.drain_outbox().await.unwrap();
        let Queues::Memory(queues, _) = &self.store.queues else { unreachable!() };
        let mut events = Vec::new();
        while let Some(received) = queues.receive("dispatch") {
            let message: Message = self.store.read_message(&received.body).await.unwrap();
            let Task::Events(batch) = message.task else { panic!("{:?}", message.task) };
            events.extend(batch.records.into_iter().map(|record| record.value));
            queues.delete("dispatch", received.id);
        }
        events
    }
}

fn at(key: &str) -> ConfigAt {
    let environment = Name::new(ConfigAt::DEFAULT).unwrap();
    ConfigAt { environment, key: ConfigKey::new(key).unwrap() }
}

fn value(text: &str) -> Value {
    json::parse(text.as_bytes()).unwrap()
}

fn change(key: &str, wish: ConfigWish) -> ConfigChange {
    ConfigChange { at: at(key), wish, reason: None, when: When::Always }
}

fn set(key: &str, text: &str) -> ConfigChange {
    let value = Some(value(text));
    change(key, ConfigWish::Set { value, schema: None, sensitive: None })
}

fn hidden(key: &str, text: &str) -> ConfigChange {
    let value = Some(value(text));
    change(key, ConfigWish::Set { value, schema: None, sensitive: Some(true) })
}

fn ruled(key: &str, text: &str, schema: &str) -> ConfigChange {
    let (value, schema) = (Some(value(text)), Some(self::value(schema)));
    change(key, ConfigWish::Set { value, schema, sensitive: None })
}

fn text<'v>(event: &'v Value, key: &str) -> &'v str {
    event.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[tokio::test]
async fn a_change_is_told_with_what_was_and_what_is() {
    let world = World::new();
    let first = world.set("app.database.host", r#""a""#).await.unwrap();
    assert_eq!((first.is_new, first.config.latest.version), (true, 1));
    let why = ConfigChange { reason: Some("moved".into()), ..set("app.database.host", r#""b""#) };
    world.make(why).await.unwrap();
    world.make(change("app.database.host", ConfigWish::Delete)).await.unwrap();
    let again = world.set("app.database.host", r#""b""#).await.unwrap();
    assert_eq!((again.is_new, again.config.latest.version), (true, 4), "numbers go on");
    let told: Vec<String> = world.events().await.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 4);
    let ends = [
        r#""key":"app.database.host","environment":"default","version":1,"old":null,"new":"a","by":"ann","reason":null,"sensitive":false,"action":"set"}"#,
        r#""version":2,"old":"a","new":"b","by":"ann","reason":"moved","sensitive":false,"action":"set"}"#,
        r#""version":3,"old":"b","new":null,"by":"ann","reason":null,"sensitive":false,"action":"delete"}"#,
        r#""version":4,"old":null,"new":"b","by":"ann","reason":null,"sensitive":false,"action":"set"}"#,
    ];
    for end in ends {
        assert!(told.iter().any(|event| event.ends_with(end)), "{end}: {told:#?}");
    }
}

#[tokio::test]
async fn what_is_so_already_is_no_change_but_a_number_written_otherwise_is() {
    let world = World::new();
    world.set("limit", "12345678901234567890123.10").await.unwrap();
    assert!(!world.set("limit", "12345678901234567890123.10").await.unwrap().is_changed);
    assert!(world.set("limit", "12345678901234567890123.1").await.unwrap().is_changed);
    let back = world.make(change("limit", ConfigWish::Rollback(1))).await.unwrap();
    assert_eq!(back.config.latest.of, Some(1));
    assert_eq!(back.config.latest.held, Held::Plain(value("12345678901234567890123.10")));
    assert!(!world.make(change("limit", ConfigWish::Rollback(3))).await.unwrap().is_changed);
    assert_eq!(world.events().await.len(), 3);
}

#[tokio::test]
async fn nobody_is_told_of_a_local_change() {
    let world = World::new();
    let changes = [set("a", "1")];
    let made = world.store.change_config(&world.tenant, "ann", &changes, None).await.unwrap();
    let (done, posted) = made.unwrap();
    assert!(done[0].is_changed && done[0].config.latest.local_only && posted.is_none());
    assert!(world.events().await.is_empty());
}

#[tokio::test]
async fn values_fit_their_schema_and_a_schema_fits_its_value() {
    let world = World::new();
    world.make(ruled("port", "1", r#"{"type": "integer"}"#)).await.unwrap();
    let Err(ConfigRefusal::Invalid(found)) = world.set("port", r#""x""#).await else { panic!() };
    assert_eq!(found[0].path, "value");
    let narrower = value(r#"{"maximum": 0}"#);
    let wish = ConfigWish::Set { value: None, schema: Some(narrower), sensitive: None };
    let refused = world.make(change("port", wish)).await;
    assert!(matches!(refused, Err(ConfigRefusal::Invalid(_))), "{refused:?}");
    let wish = ConfigWish::Set { value: None, schema: Some(Value::Null), sensitive: None };
    assert!(world.make(change("port", wish)).await.unwrap().is_changed);
    assert!(world.set("port", r#""x""#).await.is_ok());
    let refused = world.make(ruled("port", "1", r#"{"type": "nope"}"#)).await;
    assert!(matches!(refused, Err(ConfigRefusal::Invalid(found)) if found[0].path == "schema"));
}

#[tokio::test]
async fn a_value_has_at_most_64_kib() {
    let world = World::new();
    let text = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    assert!(world.set("large", &text(MAX_CONFIG_BYTES)).await.is_ok());
    assert!(world.set("large", &text(MAX_CONFIG_BYTES + 1)).await.is_err());
    assert!(world.hide("hidden", &text(65_000)).await.is_ok());
    assert!(world.hide("hidden", &text(65_001)).await.is_err());
}

#[tokio::test]
async fn many_changes_are_one_message_or_none_at_all() {
    let world = World::new();
    let mut changes: Vec<ConfigChange> =
        (0..MOST_CHANGES).map(|n| set(&format!("app.k{n}"), "1")).collect();
    assert_eq!(world.try_all(&changes).await.unwrap().unwrap().len(), MOST_CHANGES);
    assert_eq!(world.store.drain_outbox().await.unwrap(), 1, "one message");
    assert_eq!(world.events().await.len(), MOST_CHANGES);
    for change in &mut changes {
        change.wish = ConfigWish::Delete;
    }
    changes[7].wish = ConfigWish::Rollback(9);
    let refused = world.try_all(&changes).await.unwrap().unwrap_err();
    assert_eq!(refused, Refused { index: 7, why: ConfigRefusal::NoVersion(9) });
    changes[7] = changes[3].clone();
    assert_eq!(world.try_all(&changes).await.unwrap().unwrap_err().index, 7, "named twice");
    assert!(world.events().await.is_empty());
    assert_eq!(world.history("app.k0").await.len(), 1);
}

#[tokio::test]
async fn a_secret_is_seen_nowhere_and_can_be_gone_back_to() {
    let world = World::new();
    let secret = format!("\"{PLANTED}\"");
    world.set("db.password", &secret).await.unwrap();
    world.events().await;
    world.hide("db.password", &secret).await.unwrap();
    world.set("db.password", r#""other""#).await.unwrap();
    let again = world.set("db.password", r#""other""#).await.unwrap();
    assert!(!again.is_changed, "equal secrets are known to be equal");
    let back = world.make(change("db.password", ConfigWish::Rollback(1))).await.unwrap();
    assert!(back.config.is_sensitive);
    world.make(change("db.password", ConfigWish::Delete)).await.unwrap();
    world.make(change("db.password", ConfigWish::Rollback(2))).await.unwrap();
    let versions = world.history("db.password").await;
    let hash = |version: usize| match &versions[version - 1].held {
        Held::Sealed { hash, .. } => hash.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(hash(1), hash(2));
    assert_eq!(hash(1), hash(4));
    assert_ne!(hash(1), hash(3));
    for version in [1, 2, 4, 6] {
        let found = world.value("db.password", &versions[version - 1]).await;
        assert_eq!(found, Some(PLANTED.into()));
    }
    assert!(!format!("{:?}", world.store).contains(PLANTED), "not in any row");
    let events = world.events().await;
    assert_eq!(events.len(), 5);
    assert!(events.iter().all(|event| !event.to_string().contains(PLANTED)));
    assert!(events.iter().all(|event| text(event, "old").starts_with("salted:")
        || event.get("old").is_some_and(Value::is_null)));
}

#[tokio::test]
async fn a_secret_is_not_taken_out_by_saying_that_it_is_none() {
    let world = World::new();
    world.hide("token", &format!("\"{PLANTED}\"")).await.unwrap();
    let wish = ConfigWish::Set { value: None, schema: None, sensitive: Some(false) };
    assert!(matches!(world.make(change("token", wish)).await, Err(ConfigRefusal::Invalid(_))));
    let plain = Some(value(r#""public""#));
    let wish = ConfigWish::Set { value: plain, schema: None, sensitive: Some(false) };
    world.make(change("token", wish)).await.unwrap();
    let back = world.make(change("token", ConfigWish::Rollback(1))).await.unwrap();
    assert!(back.config.is_sensitive, "what was a secret is one again");
    assert!(!format!("{:?}", world.store).contains(PLANTED));
    assert!(!format!("{:?}", world.history("token").await).contains("public"), "scrubbed");
    let misfit = ruled("token", &format!("\"{PLANTED}\""), r#"{"type": "integer"}"#);
    let refused = format!("{:?}", world.make(misfit).await.unwrap_err());
    assert!(refused.contains("/type") && !refused.contains(PLANTED), "{refused}");
}

#[tokio::test]
async fn values_are_found_by_pattern_in_pages() {
    let world = World::new();
    for key in ["app.database.host", "app.database.port", "app.eu.database.host", "app.name"] {
        world.set(key, "1").await.unwrap();
    }
    world.make(change("app.database.port", ConfigWish::Delete)).await.unwrap();
    let other = Tenant::new("globex").unwrap();
    let patterns = ferrule_core::pattern::Patterns::new(&["*.database.*".to_owned()]).unwrap();
    let find = async |tenant: &Tenant, start| {
        let found = world.store.configs(tenant, None, &patterns, 1, start).await.unwrap();
        let keys: Vec<String> = found.0.iter().map(|one| one.at.key.to_string()).collect();
        (keys, found.1)
    };
    let (first, next) = find(&world.tenant, None).await;
    let (second, end) = find(&world.tenant, next).await;
    assert_eq!(
        (first, second),
        (vec!["app.database.host".into()], vec!["app.eu.database.host".into()])
    );
    assert!(end.is_none());
    assert!(find(&other, None).await.0.is_empty());
}

#[tokio::test]
async fn whoever_comes_second_is_told_so() {
    let world = World::new();
    world.set("a", "0").await.unwrap();
    world.events().await;
    world.fuse.interleave();
    let write = async |n: i64, when| {
        let wish = ConfigWish::Set { value: Some(n.into()), schema: None, sensitive: None };
        world.make(ConfigChange { when, ..change("a", wish) }).await
    };
    let made = tokio::join!(write(1, When::Rev(1)), write(2, When::Rev(1)), write(3, When::Rev(1)));
    let made = [made.0, made.1, made.2];
    assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1);
    assert!(
        made.iter().flatten().count()
            + made.iter().filter(|made| **made == Err(ConfigRefusal::Conflict)).count()
            == 3
    );
    let always =
        tokio::join!(write(4, When::Always), write(5, When::Always), write(6, When::Always));
    assert!(always.0.is_ok() && always.1.is_ok() && always.2.is_ok());
    let versions = world.history("a").await;
    let numbers: Vec<u64> = versions.iter().map(|one| one.version).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    assert_eq!(world.events().await.len(), 4);
}

#[tokio::test]
async fn a_batch_that_is_refused_leaves_the_history_as_it_was() {
    let world = World::new();
    for n in 0..20 {
        world.set("plain", &n.to_string()).await.unwrap();
    }
    let before = world.history("plain").await;
    let batch = [hidden("plain", "99"), change("gone", ConfigWish::Delete)];
    let refused = world.try_all(&batch).await.unwrap().unwrap_err();
    assert_eq!(refused, Refused { index: 1, why: ConfigRefusal::Unknown });
    assert_eq!(world.history("plain").await, before);
}

#[tokio::test]
async fn what_is_so_already_must_still_be_so_when_the_rest_is_written() {
    let world = World::new();
    world.set("mode", "1").await.unwrap();
    let unchanged = ConfigChange { when: When::Rev(1), ..set("mode", "1") };
    let (tenant, at, local_only) = (&world.tenant, NOW_MS, true);
    let author = plan::Author { tenant, by: "ann", at, local_only };
    let mut writes = Vec::new();
    for change in [&unchanged, &set("limit", "5")] {
        let row = world.store.tables.get(Table::Registry, tenant.as_str(), &change.at.row()).await;
        let checked = world.store.check_one(&author, change, row.unwrap().as_ref()).await.unwrap();
        let planned = world.store.plan_one(&author, checked.unwrap_or_else(|_| panic!())).await;
        writes.extend(planned.unwrap().writes);
    }
    world.set("mode", "2").await.unwrap();
    assert!(!world.store.tables.transact(writes).await.unwrap());
    assert!(world.history("limit").await.is_empty());
    let batch = [unchanged, set("limit", "5")];
    let refused = world.try_all(&batch).await.unwrap().unwrap_err();
    assert_eq!(refused, Refused { index: 0, why: ConfigRefusal::Conflict });
}

#[tokio::test]
async fn equal_secrets_have_equal_hashes_after_a_deletion_too() {
    let world = World::new();
    world.hide("token", r#""one""#).await.unwrap();
    world.make(change("token", ConfigWish::Delete)).await.unwrap();
    world.set("token", r#""one""#).await.unwrap();
    let versions = world.history("token").await;
    let Held::Sealed { hash: first, .. } = &versions[0].held else { panic!("not sealed") };
    let Held::Sealed { hash: second, .. } = &versions[2].held else { panic!("not sealed") };
    assert_eq!(first, second);
}

#[tokio::test]
async fn going_back_tells_nothing_of_a_secret_and_never_leaves_its_schema() {
    let world = World::new();
    world.hide("pin", r#""1234""#).await.unwrap();
    world.hide("pin", r#""word""#).await.unwrap();
    // Whoever may write but not read guesses by a schema that comes with a value of his own.
    let guess = ruled("pin", r#""0000""#, r#"{"pattern": "^[0-9]+$"}"#);
    assert_eq!(world.make(guess).await.unwrap().config.latest.version, 3);
    let said = async |version| {
        let refused = world.make(change("pin", ConfigWish::Rollback(version))).await;
        format!("{:?}", refused.unwrap_err()).replace(&version.to_string(), "n")
    };
    assert_eq!(said(1).await, said(2).await, "whether it fits or not");
    world.set("pin", r#""4711""#).await.unwrap();
    let back = world.make(change("pin", ConfigWish::Rollback(3))).await.unwrap();
    assert_eq!(back.config.latest.version, 5);
    let wish = ConfigWish::Set { value: None, schema: Some(Value::Null), sensitive: None };
    world.make(change("pin", wish)).await.unwrap();
    assert!(world.make(change("pin", ConfigWish::Rollback(2))).await.is_ok());
}
