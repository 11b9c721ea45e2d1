//! What the twin does as a whole.

use ferrule_core::document::{Catalog, Document, load};
use ferrule_core::{Name, RunState};

use super::errors::{KEPT, SLACK, held};
use super::*;

const HUB: &str = "
apiVersion: ferrule/v1
kind: Connection
metadata: {name: hub}
connector: records
";

async fn twin(definitions: &str) -> Twin {
    filled(Twin::new(Pace::Skipping).unwrap(), definitions).await
}

async fn filled(twin: Twin, definitions: &str) -> Twin {
    for document in load(&format!("{HUB}---{definitions}"), &Catalog::new()).unwrap() {
        match document {
            Document::Connection(connection) => twin.put_connection(&connection).await.unwrap(),
            Document::Integration(integration) => twin.put_integration(&integration).await.unwrap(),
        }
    }
    twin
}

async fn run(twin: &Twin, name: &str) -> Result<Run, Failure> {
    twin.run(&Name::new(name).unwrap(), false, &mut |_| ()).await
}

fn folder(name: &str, file: &str, text: &str) -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("ferrule-twin-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(file), text).unwrap();
    folder
}

fn from_folder(folder: &std::path::Path) -> String {
    format!(
        "
apiVersion: ferrule/v1
kind: Connection
metadata: {{name: folder}}
connector: files
settings: {{root: {}}}
---
apiVersion: ferrule/v1
kind: Integration
metadata: {{name: people-in}}
source: {{connection: folder, path: people.csv}}
map:
  id: .id
  age: {{from: .age, type: int}}
output: {{connection: hub, table: people, key: .id}}
",
        folder.display()
    )
}

#[tokio::test]
async fn loads_a_file_and_sets_a_bad_row_aside_alone() {
    let folder = folder("load", "people.csv", "id,age\na,1\nb,old\nc,3\n");
    let twin = twin(&from_folder(&folder)).await;
    let run = run(&twin, "people-in").await.unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!((run.state, run.counts.read, run.counts.created), (RunState::Partial, 3, 2));
    let errors = twin.take_errors().await.unwrap().kept;
    assert_eq!((errors.len(), errors[0].code.as_str(), errors[0].record.line), (1, "TYPE", 3));
    assert_eq!(twin.count(&Name::new("people").unwrap()).await.unwrap(), 2);
}

#[tokio::test]
async fn keeps_nothing_of_a_message_that_was_too_big_for_a_queue() {
    let mut seed = 7_u64;
    let noise = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b'!' + seed.to_be_bytes()[0] % 90)
    });
    let name: String = noise.filter(|c| !"\"',\\".contains(*c)).take(1_100_000).collect();
    let text = format!("{{\"id\": \"{name}\", \"age\": 1}}\n{{\"id\": \"b\", \"age\": 2}}\n");
    let folder = folder("big", "people.jsonl", &text);
    let definitions = from_folder(&folder).replace("people.csv", "people.jsonl");
    let twin = filled(Twin::of_text(Pace::Skipping).unwrap(), &definitions).await;
    let run = run(&twin, "people-in").await.unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!((run.counts.read, run.counts.refused, run.counts.created), (2, 1, 1));
    assert_eq!(twin.take_errors().await.unwrap().kept[0].code, "KEY_TOO_LONG");
    let ferrule_store::Payloads::Memory(payloads) = &twin.store.payloads else { panic!() };
    assert!(payloads.is_empty(), "{payloads:?}");
}

#[tokio::test]
async fn comes_to_the_same_whether_messages_are_handed_over_or_written() {
    let row = |n: u32| format!("p{n},{}\n", if n % 11 == 3 { "old".into() } else { n.to_string() });
    let text = format!("id,age\n{}", (0..5000).map(row).collect::<String>());
    let folder = folder("same", "people.csv", &text);
    let mut outcomes = Vec::new();
    for twin in [Twin::new(Pace::Skipping), Twin::of_text(Pace::Skipping)] {
        let twin = filled(twin.unwrap(), &from_folder(&folder)).await;
        let run = run(&twin, "people-in").await.unwrap();
        let errors = twin.take_errors().await.unwrap().kept.into_iter();
        let mut errors: Vec<_> = errors.map(|error| (error.record.line, error.message)).collect();
        errors.sort();
        let records = twin.records(&Name::new("people").unwrap(), 9000).await.unwrap().into_iter();
        let records: Vec<_> = records.map(|one| (one.key, one.value.to_string())).collect();
        outcomes.push((run.state, run.counts, errors, records));
    }
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!((outcomes[0].1.read, outcomes[0].1.refused), (5000, 455));
    assert_eq!(outcomes[0], outcomes[1]);
}

#[tokio::test]
async fn keeps_some_of_what_it_refused_and_counts_the_rest() {
    let row = |n: u32| match n % 10 {
        3 => format!("p{n},{n}\n"),
        7 => "p,1,2\n".into(),
        _ => format!("p{n},old\n"),
    };
    let text = format!("id,age\n{}", (0..20_000).map(row).collect::<String>());
    let folder = folder("many", "people.csv", &text);
    let twin = twin(&from_folder(&folder)).await;
    let (name, mut most) = (Name::new("people-in").unwrap(), 0);
    let mut watch = |_| most = most.max(held(&twin.store, &twin.tenant));
    let run = twin.run(&name, false, &mut watch).await.unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(most <= KEPT + SLACK, "{most} rows were in memory");
    let errors = twin.take_errors().await.unwrap();
    assert_eq!((run.counts.read, run.counts.refused, run.counts.created), (20_000, 18_000, 2000));
    let codes: Vec<_> =
        errors.codes.iter().map(|code| (code.code.as_str(), code.rows, code.records)).collect();
    assert_eq!(codes, [("CSV_COLUMNS", 2000, 2000), ("TYPE", 16_000, 16_000)]);
    assert_eq!(errors.kept.len(), KEPT);
}

#[tokio::test]
async fn keeps_no_more_when_every_row_is_refused_before_anything_is_sent() {
    let text = format!("id,age\n{}", "p,1,2\n".repeat(5_000));
    let folder = folder("ragged", "people.csv", &text);
    let twin = twin(&from_folder(&folder)).await;
    for _ in 0..2 {
        let run = run(&twin, "people-in").await.unwrap();
        assert_eq!((run.counts.read, run.counts.refused), (5_000, 5_000));
        assert!(held(&twin.store, &twin.tenant) <= KEPT + SLACK);
    }
    std::fs::remove_dir_all(&folder).unwrap();
    let errors = twin.take_errors().await.unwrap();
    assert_eq!((errors.codes.len(), errors.kept.len()), (1, KEPT));
    assert!(errors.codes[0].rows >= 5_000, "{:?}", errors.codes);
}

#[tokio::test]
async fn reads_back_what_an_earlier_run_wrote() {
    let folder = folder("back", "people.csv", "id,age\na,1\nb,2\n");
    let more = "---
apiVersion: ferrule/v1
kind: Integration
metadata: {name: copy}
source: {connection: hub, table: people}
output: {connection: hub, table: copies, key: .id}
";
    let twin = twin(&(from_folder(&folder) + more)).await;
    run(&twin, "people-in").await.unwrap();
    let copied = run(&twin, "copy").await.unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!((copied.state, copied.counts.created), (RunState::Succeeded, 2));
}

#[tokio::test]
async fn tries_again_on_schedule_without_sleeping_then_parks() {
    let folder = folder("park", "people.csv", "id,age\na,1\n");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener); // Now nobody listens there.
    let dead = format!(
        "---
apiVersion: ferrule/v1
kind: Connection
metadata: {{name: dead}}
connector: rest
settings: {{base_url: 'http://{address}'}}
---
apiVersion: ferrule/v1
kind: Integration
metadata: {{name: out}}
source: {{connection: folder, path: people.csv}}
output: {{connection: dead, path: /people, mode: insert, key: .id}}
"
    );
    let twin = twin(&(from_folder(&folder) + &dead)).await;
    let run = run(&twin, "out").await.unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!((run.state, run.counts.parked), (RunState::Partial, 1));
    let errors = twin.take_errors().await.unwrap().kept;
    assert_eq!((errors[0].attempt, errors[0].stage.as_str()), (4, "rest"), "{errors:?}");
    let ferrule_store::Payloads::Memory(payloads) = &twin.store.payloads else { panic!() };
    assert!(payloads.is_empty() && errors[0].payload.is_none(), "nobody could replay it");
    let waited_ms = run.ended_at.unwrap() - run.started_at;
    assert!(waited_ms >= 21 * 60_000, "1, 5 and 15 minutes by the twin's clock: {waited_ms}");
}

#[tokio::test]
async fn a_guard_stops_a_run_before_its_first_call_unless_it_is_approved_beforehand() {
    for approves in [false, true] {
        let folder = folder(&format!("guard-{approves}"), "people.csv", "id,age\na,1\nb,2\n");
        let out = folder.join("out");
        std::fs::create_dir_all(&out).unwrap();
        let guarded = format!(
            "---
apiVersion: ferrule/v1
kind: Connection
metadata: {{name: out}}
connector: files
settings: {{root: '{}'}}
---
apiVersion: ferrule/v1
kind: Integration
metadata: {{name: guarded}}
source: {{connection: folder, path: people.csv}}
output: {{connection: out, path: 'people-{{batch}}.json', key: .id}}
guard: {{max_records: 1}}
",
            out.display()
        );
        let twin = twin(&(from_folder(&folder) + &guarded)).await.approving(approves);
        let run = run(&twin, "guarded").await.unwrap();
        let written = std::fs::read_dir(&out).unwrap().count();
        std::fs::remove_dir_all(&folder).unwrap();
        let state = if approves { RunState::Succeeded } else { RunState::WaitingForApproval };
        assert_eq!((run.state, written), (state, usize::from(approves)), "{run:?}");
        assert_eq!(run.look.unwrap().would.unknown, 2);
    }
}

#[tokio::test]
async fn says_which_connectors_it_has_when_one_is_missing() {
    let definitions = "
apiVersion: ferrule/v1
kind: Connection
metadata: {name: sn}
connector: servicenow
---
apiVersion: ferrule/v1
kind: Integration
metadata: {name: out}
source: {connection: hub, table: people}
output: {connection: sn, table: incident, key: .id}
";
    let said = run(&twin(definitions).await, "out").await.unwrap_err().to_string();
    assert!(said.contains("servicenow") && said.contains("files, rest, records"), "{said}");
}
