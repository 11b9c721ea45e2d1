//! Queue messages with batches of records, before and after the engine.

use ferrule_core::{
    Batch, Digest, Envelope, Message, Name, Record, RunId, Task, Tenant, cut,
    engine::{Engine, Verdict},
    json,
};

fn message(task: Task) -> Message {
    let envelope = Envelope::new(
        Tenant::new("acme").expect("it is a name"),
        Name::new("customers").expect("it is a name"),
        Digest::of(&[b"definition"]),
        RunId::new("run"),
    );
    Message { envelope, task }
}

/// The messages that a source sends.
pub(crate) fn messages(texts: &[String]) -> Vec<String> {
    let value = |text: &String| json::parse(text.as_bytes()).expect("it reads well");
    let records = texts.iter().map(|text| Record { value: value(text), ..Record::default() });
    let of = |records| message(Task::Transform(Batch { records, ..Batch::default() }));
    let encoded = cut(records.collect(), 1000).into_iter().map(|cut| Message::encode_cut(cut, of));
    encoded.map(|encoded| encoded.expect("it can be written").1).collect()
}

/// What `transform` does with one of them; returns how many bytes it sends on.
pub(crate) fn transform(engine: &Engine, text: &str) -> usize {
    let Ok(Message { task: Task::Transform(batch), .. }) = Message::decode(text) else { return 0 };
    let rows = batch.records.iter().filter_map(|record| match engine.apply(&record.value) {
        Verdict::Mapped(row) => {
            let (key, version, value) = (row.key, row.version, row.value);
            Some(Record { key, version, value, ..Record::default() })
        }
        Verdict::Ignored | Verdict::Refused(_) => None,
    });
    let batch = Batch { records: rows.collect(), ..Batch::default() };
    message(Task::Load(batch)).encode().map_or(0, |text| text.len())
}
