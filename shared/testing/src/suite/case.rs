//! What a connector is asked to do: the sample events.

use std::{collections::BTreeMap, fs, path::PathBuf};

use ferrule_connector::{Notification, Record};
use ferrule_core::{Batch, Message, Page, Task};

use super::{Change, Setup, stage::placed};

/// One sample event with the setup it is run under.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) setup: Setup,
    pub(super) deed: Deed,
    file: String,
    body: String,
}

impl Case {
    /// Returns what is asked for, with the vendor's address where the placeholder stands.
    pub(super) fn deed_at(&self, vendor: &str) -> Deed {
        deed(&self.file, &placed(&self.body, vendor))
    }
}

/// What the event asks for.
#[derive(Debug, Clone)]
pub(super) enum Deed {
    Extract(Page),
    Load(Vec<Record>),
    Notify(Vec<Notification>),
    Check,
}

impl Deed {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Extract(_) => "extract",
            Self::Load(_) => "load",
            Self::Notify(_) => "notify",
            Self::Check => "check",
        }
    }
}

/// Returns `events/<name>`.
pub(super) fn folder(name: &str) -> PathBuf {
    crate::house().join("events").join(name)
}

/// Reads the samples of a connector; `changes` must name only cases that are there.
pub(super) fn read(
    name: &str,
    setup: &Setup,
    only: Option<&[String]>,
    mut changes: BTreeMap<String, Change>,
) -> Vec<Case> {
    let names = names(name);
    for wanted in only.into_iter().flatten().chain(changes.keys()) {
        assert!(names.contains(wanted), "there is no events/{name}/{wanted}.json");
    }
    let is_wanted = |case: &String| only.is_none_or(|only| only.contains(case));
    let mut cases = Vec::new();
    for case in names.into_iter().filter(is_wanted) {
        let setup = match changes.remove(&case) {
            Some(change) => change(setup.clone()),
            None => setup.clone(),
        };
        let file = format!("{name}/{case}.json");
        let body = crate::body(&file);
        cases.push(Case { name: case, setup, deed: deed(&file, &body), file, body });
    }
    cases
}

fn names(connector: &str) -> Vec<String> {
    let entries = fs::read_dir(folder(connector))
        .unwrap_or_else(|error| panic!("events/{connector}: {error}: add sample events there"));
    let files = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = files
        .filter(|file| !file.ends_with(".request.json"))
        .filter_map(|file| file.strip_suffix(".json").map(str::to_owned))
        .collect();
    names.sort();
    names
}

fn deed(file: &str, body: &str) -> Deed {
    let message = Message::decode(body)
        .unwrap_or_else(|failure| panic!("events/{file} is no message: {failure}"));
    match message.task {
        Task::Extract(page) => Deed::Extract(page),
        Task::Load(batch) if batch.recipient.is_none() => Deed::Load(batch.records),
        Task::Load(batch) => Deed::Notify(notifications(file, &batch)),
        Task::Check(_) => Deed::Check,
        _ => panic!("events/{file} is a task that no connector takes"),
    }
}

fn notifications(file: &str, batch: &Batch) -> Vec<Notification> {
    let read = |record: &Record| {
        let told: Result<Notification, _> = record.value.to();
        told.unwrap_or_else(|error| panic!("events/{file} holds no notification: {error}"))
    };
    batch.records.iter().map(read).collect()
}
