//! Ten thousand changes on keys that two thousand patterns are about: each target gets what its
//! patterns mean, once, and what is urgent does not wait behind the rest.

use std::{
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ferrule_core::Value;
use ferrule_testing::vendor::{Reply, Vendor};
use reqwest::Method;
use tokio::task::JoinSet;

use crate::{
    hub::{Hub, pause},
    stack::complaints,
    told::{PATIENCE, connection, data, integration, quiet, subjects},
};

const CHANGES: usize = 10_000;

/// Changes of one request.
const TOGETHER: usize = 40;

/// Requests on their way at the same time.
const WRITERS: usize = 4;

/// An urgent one is there by then, from the answer to its change.
const AT_ONCE: Duration = Duration::from_secs(2);

const URGENT: &str = "app.eu.database.host";

const AREAS: [&str; 4] = ["app", "shop", "edge", "core"];
const REGIONS: [&str; 3] = ["eu", "us", "ap"];
const LEAVES: [&str; 5] = ["port", "password", "ttl", "limit", "owner"];

/// Keys of five parts, no two alike.
fn key(at: usize) -> String {
    let (area, region, leaf) = (AREAS[at % 4], REGIONS[at / 4 % 3], LEAVES[at / 12 % 5]);
    format!("{area}.{region}.team{}.service{}.{leaf}{at}", at % 97, at % 211)
}

/// Patterns of every form: open at both ends, at one, in the middle, exact, and of keys that nobody
/// has.
fn pattern(at: usize) -> String {
    let (area, leaf) = (AREAS[at / 7 % 4], LEAVES[at / 28 % 5]);
    match at % 7 {
        0 => format!("*.service{}.*", at / 7 % 400),
        1 => format!("{area}.*.team{}.*{leaf}*", at / 7 % 150),
        2 => format!("*.team{}.*.password*", at / 7 % 150),
        3 => key(at * 5 % CHANGES),
        4 => format!("*{}", at / 7 * 3 + 1000),
        5 => format!("{area}.eu.*.service{}.{leaf}*", at / 7 % 300),
        _ => format!("{area}.*{}.{leaf}{}", at / 7 % 10, at * 3),
    }
}

fn patterns(range: Range<usize>) -> Vec<String> {
    range.map(pattern).collect()
}

/// Reads a pattern the slow way: a star is nothing, or one more character.
fn fits(pattern: &[u8], key: &[u8]) -> bool {
    match (pattern.split_first(), key.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), Some((_, tail))) => fits(rest, key) || fits(pattern, tail),
        (Some((b'*', rest)), None) => fits(rest, key),
        (Some((one, rest)), Some((other, tail))) => one == other && fits(rest, tail),
        _ => false,
    }
}

fn means(patterns: &[String], key: &str) -> bool {
    let fits = |pattern: &str| fits(pattern.as_bytes(), key.as_bytes());
    let (out, within): (Vec<&str>, Vec<&str>) =
        patterns.iter().map(String::as_str).partition(|pattern| pattern.starts_with('!'));
    let is_out = || out.iter().any(|pattern| fits(&pattern[1..]));
    within.into_iter().any(fits) && !is_out()
}

/// Who is told of what.
struct Target {
    name: &'static str,
    /// Patterns of its own; everything that its integration listens for when there are none.
    own: Vec<String>,
    /// How many notifications make a digest; each goes alone without.
    digest: Option<usize>,
}

struct Listener {
    name: &'static str,
    urgency: &'static str,
    patterns: Vec<String>,
    targets: Vec<Target>,
}

/// 2,000 patterns over all.
fn listeners() -> Vec<Listener> {
    let target = |name, own, digest| Target { name, own, digest };
    let all_but = ["*".to_owned(), "!*.database.*".to_owned()].into_iter();
    let out = patterns(0..398).into_iter().map(|pattern| format!("!{pattern}"));
    let watched = ["*.database.*".to_owned()].into_iter();
    vec![
        Listener {
            name: "everything",
            urgency: "low",
            patterns: all_but.chain(out).collect(),
            targets: vec![target("archive", Vec::new(), Some(100))],
        },
        Listener {
            name: "teams",
            urgency: "low",
            patterns: patterns(400..900),
            targets: vec![
                target("review", Vec::new(), Some(50)),
                target("operators", patterns(500..700), None),
            ],
        },
        Listener {
            name: "owners",
            urgency: "medium",
            patterns: patterns(900..1400),
            targets: vec![
                target("ledger", Vec::new(), Some(100)),
                target("security", patterns(1000..1200), None),
            ],
        },
        Listener {
            name: "database",
            urgency: "high",
            patterns: watched.chain((1..200).map(|at| format!("*.database{at}.*"))).collect(),
            targets: vec![target("pager", Vec::new(), None)],
        },
    ]
}

/// What one receiver got, and when.
#[derive(Clone, Default)]
struct Inbox(Arc<Mutex<Vec<Letter>>>);

struct Letter {
    came: Instant,
    subjects: Vec<String>,
    is_digest: bool,
}

impl Inbox {
    async fn open(&self) -> Vendor {
        let letters = Arc::clone(&self.0);
        Vendor::start(move |request, _| {
            if request.method != "POST" {
                return Reply::status(204); // a check of the connection
            }
            let data = data(request);
            let is_digest = data.get("digest").and_then(Value::as_array).is_some();
            let letter = Letter { came: Instant::now(), subjects: subjects(&data), is_digest };
            letters.lock().unwrap().push(letter);
            Reply::status(204)
        })
        .await
    }

    /// What was told so far, in order.
    fn told(&self) -> Vec<String> {
        let letters = self.0.lock().unwrap();
        let mut told: Vec<String> =
            letters.iter().flat_map(|letter| letter.subjects.iter().cloned()).collect();
        told.sort_unstable();
        told
    }

    fn count(&self) -> usize {
        self.0.lock().unwrap().iter().map(|letter| letter.subjects.len()).sum()
    }

    /// Waits until so much was told.
    async fn reaches(&self, name: &str, count: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.count() < count {
            let so_far = self.count();
            assert!(Instant::now() < deadline, "{name}: {so_far} of {count}\n{}", complaints());
            pause(Duration::from_millis(20)).await;
        }
    }
}

/// A target, its receiver, and what it is to get.
struct Case {
    target: Target,
    inbox: Inbox,
    expected: Vec<String>,
    _receiver: Vendor,
}

async fn case(hub: &Hub, listener: &[String], target: Target, keys: &[String]) -> Case {
    let is_meant =
        |key: &&String| (target.own.is_empty() || means(&target.own, key)) && means(listener, key);
    let mut expected: Vec<String> = keys.iter().filter(is_meant).cloned().collect();
    expected.sort_unstable();
    let inbox = Inbox::default();
    let receiver = inbox.open().await;
    let settings = format!("{{url: \"{}\"}}", receiver.url("/"));
    hub.define(&connection(target.name, "webhook", &settings)).await;
    let key = STANDARD.encode([7; 32]);
    hub.secret("webhook", target.name, &format!(r#"{{"secret":"whsec_{key}"}}"#)).await;
    Case { target, inbox, expected, _receiver: receiver }
}

/// Defines everything; returns who is to get what.
async fn define(hub: &Hub, keys: &[String]) -> Vec<Case> {
    let mut cases = Vec::new();
    for Listener { name, urgency, patterns, targets } in listeners() {
        let quoted = |patterns: &[String]| format!("{patterns:?}");
        let recipients = targets.iter().map(|Target { name, own, digest }| {
            let own =
                if own.is_empty() { String::new() } else { format!(", match: {}", quoted(own)) };
            let batch = digest.map(|size| format!(", batch: {{size: {size}, window: 10m}}"));
            format!("{{connection: {name}{own}{}}}", batch.unwrap_or_default())
        });
        let recipients = format!("[{}]", recipients.collect::<Vec<_>>().join(", "));
        let trigger =
            format!("{{config_change: {{match: {}, urgency: {urgency}}}}}", quoted(&patterns));
        for target in targets {
            cases.push(case(hub, &patterns, target, keys).await);
        }
        hub.define(&integration(name, &trigger, &recipients)).await;
    }
    cases
}

/// Changes these values with one request.
async fn change(hub: &Hub, keys: &[String]) {
    let changes = keys.iter().map(|key| format!(r#"{{"key":"{key}","value":"new"}}"#));
    let changes = changes.collect::<Vec<_>>().join(",");
    let answer =
        hub.send(Method::POST, "/v1/config", &format!(r#"{{"changes":[{changes}]}}"#)).await;
    assert!(answer.status.is_success(), "{} {}", answer.status, answer.body);
}

/// Changes all of them, in many requests, some at the same time; `accepted` counts.
fn change_all(hub: &Arc<Hub>, keys: &Arc<Vec<String>>, accepted: &Arc<AtomicUsize>) -> JoinSet<()> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut writers = JoinSet::new();
    for _ in 0..WRITERS {
        let (hub, keys, next) = (Arc::clone(hub), Arc::clone(keys), Arc::clone(&next));
        let accepted = Arc::clone(accepted);
        writers.spawn(async move {
            while let Some(part) = keys.chunks(TOGETHER).nth(next.fetch_add(1, Ordering::Relaxed)) {
                change(&hub, part).await;
                accepted.fetch_add(part.len(), Ordering::Relaxed);
            }
        });
    }
    writers
}

/// Changes the value that the pager is about while the others are under way.
async fn interrupt(hub: &Hub, accepted: &AtomicUsize, pager: &Inbox) {
    while accepted.load(Ordering::Relaxed) < CHANGES / 2 {
        pause(Duration::from_millis(5)).await;
    }
    let answer = hub.send(Method::PUT, &format!("/v1/config/{URGENT}"), r#"{"value":"new"}"#).await;
    let answered = Instant::now();
    assert!(answer.status.is_success(), "{} {}", answer.status, answer.body);
    pager.reaches("pager", 1).await;
    let came = pager.0.lock().unwrap()[0].came;
    let took = came.saturating_duration_since(answered);
    println!("urgent: {took:?} after the answer");
    assert!(accepted.load(Ordering::Relaxed) < CHANGES, "it was to come in the middle");
    assert!(took < AT_ONCE, "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_ten_thousand_changes_reaches_those_whose_patterns_mean_it_once_and_an_urgent_one_overtakes()
 {
    let keys: Arc<Vec<String>> = Arc::new((0..CHANGES).map(key).collect());
    let hub = Arc::new(Hub::of("bulk").await);
    let all: Vec<String> = keys.iter().cloned().chain([URGENT.to_owned()]).collect();
    let cases = define(&hub, &all).await;
    let count: usize = listeners()
        .iter()
        .map(|one| one.patterns.len() + one.targets.iter().map(|t| t.own.len()).sum::<usize>())
        .sum();
    assert_eq!(count, 2000);

    let started = Instant::now();
    let accepted = Arc::default();
    let mut writers = change_all(&hub, &keys, &accepted);
    let pager = cases.iter().find(|case| case.target.name == "pager").unwrap();
    interrupt(&hub, &accepted, &pager.inbox).await;
    while let Some(written) = writers.join_next().await {
        written.unwrap();
    }
    println!("{CHANGES} changes accepted after {:?}", started.elapsed());
    for Case { target, inbox, expected, .. } in &cases {
        inbox.reaches(target.name, expected.len()).await;
    }
    println!("all told after {:?}", started.elapsed());
    let runs = quiet(&hub).await;
    println!("{} runs over after {:?}", runs.len(), started.elapsed());

    for Case { target, inbox, expected, .. } in &cases {
        let letters = inbox.0.lock().unwrap().len();
        println!("{}: {} in {letters} messages", target.name, expected.len());
        assert!(!expected.is_empty() && expected.len() < all.len(), "{}", target.name);
        assert_eq!(inbox.told(), *expected, "{}", target.name);
        for letter in inbox.0.lock().unwrap().iter() {
            assert_eq!(letter.is_digest, target.digest.is_some(), "{}", target.name);
            assert!(letter.subjects.len() <= target.digest.unwrap_or(1), "{}", target.name);
        }
    }
    let has_failed = |run: &&Value| run.get("state").and_then(Value::as_str) != Some("succeeded");
    assert_eq!(runs.iter().find(has_failed), None);
}
