//! Azure Blob, proven on Azurite. Needs node; the first run installs Azurite under `target`.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use ferrule_connector::{Disposition, Record, Tenant};
use ferrule_core::{definition::Mode, json};

use super::{read, source, texts};
use crate::load::Job;
use crate::settings::{Secret, Settings};
use crate::store::{Depot, Own, Request};

const VERSION: &str = "azurite@3.37.0";

/// Makes a container: object stores cannot.
const CREATE: &str = r"
const [url, key, name] = process.argv.slice(1);
const at = `/devstoreaccount1/${name}`;
const version = '2021-12-02', date = new Date().toUTCString();
const text = 'PUT' + '\n'.repeat(12) + `x-ms-date:${date}\nx-ms-version:${version}\n`
  + `/devstoreaccount1${at}\nrestype:container`;
const hmac = require('crypto').createHmac('sha256', Buffer.from(key, 'base64'));
const signature = hmac.update(text, 'utf8').digest('base64');
const headers = {'x-ms-date': date, 'x-ms-version': version,
  authorization: `SharedKey devstoreaccount1:${signature}`};
fetch(`${url}${at}?restype=container`, {method: 'PUT', headers})
  .then(answer => process.exit(answer.status === 201 ? 0 : 1));
";

/// A running Azurite; stopped when it is dropped.
struct Azurite {
    process: Child,
    /// Kept open: it dies when it cannot write.
    output: BufReader<ChildStdout>,
    url: String,
}

impl Azurite {
    /// Starts it on a free port; `None` says why not.
    fn start() -> Option<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/azurite");
        let program = install(&folder)?;
        let mut process = Command::new("node")
            .arg(program)
            .args(["--blobPort", "0", "--inMemoryPersistence", "--skipApiVersionCheck"])
            .args(["--disableTelemetry", "--silent"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let output = process.stdout.take()?;
        let mut azurite = Self { process, output: BufReader::new(output), url: String::new() };
        azurite.url = azurite.output.by_ref().lines().map_while(Result::ok).find_map(|line| {
            let (_, url) = line.split_once("listens on ")?;
            Some(url.trim().to_owned())
        })?;
        Some(azurite)
    }

    fn create(&self, container: &str) {
        let key = crate::store::EMULATOR_KEY;
        let status = Command::new("node").args(["-e", CREATE, &self.url, key, container]).status();
        assert!(status.unwrap().success());
    }

    fn open(&self, container: &str, key: Option<&str>) -> Depot {
        let settings = Settings {
            container: Some(container.into()),
            emulator: true,
            endpoint: Some(self.url.clone()),
            prefix: Some("acme".into()),
            ..Settings::default()
        };
        let secret = key.map(|key| Secret { account_key: Some(key.into()), ..Secret::default() });
        let (tenant, own) = (Tenant::new("acme").unwrap(), Own::default());
        let (settings, secret) = (&settings, secret.as_ref());
        Request { tenant: &tenant, settings, secret, local: true, own: &own }.open().unwrap()
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn install(folder: &Path) -> Option<PathBuf> {
    let program = folder.join("node_modules/azurite/dist/src/blob/main.js");
    if !program.exists() {
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--loglevel=error", VERSION, "--prefix"]);
        npm.arg(folder).stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
    }
    program.exists().then_some(program)
}

#[tokio::test]
async fn a_container_is_written_listed_read_and_emptied() {
    let Some(azurite) = Azurite::start() else {
        println!("skipped: node is missing, or Azurite could not be installed");
        return;
    };
    azurite.create("exports");
    let depot = azurite.open("exports", None);
    let value = json::parse(br#"{"path":"in/a.csv","content":"a,b\n1,x\n2,y\n3,z\n"}"#).unwrap();
    let records = [Record { value, ..Record::default() }];
    let load = async |target: &str, mode: Mode| {
        let target = serde_json::from_str(target).unwrap();
        let mut done = [None];
        let job = Job { depot: &depot, target: &target, mode, records: &records, batch_id: "r-0" };
        job.run(&mut done).await.map(|()| done[0].clone().unwrap())
    };
    let upload = r#"{"operation": "upload"}"#;
    assert_eq!(load(upload, Mode::Insert).await.unwrap(), Disposition::Created);
    assert_eq!(load(upload, Mode::Insert).await.unwrap(), Disposition::Created);
    let batch = r#"{"path": "out/{batch}.jsonl.gz"}"#;
    assert_eq!(load(batch, Mode::Insert).await.unwrap(), Disposition::Created);
    assert_eq!(load(batch, Mode::Insert).await.unwrap(), Disposition::Created);

    let got = read(&depot, &source(r#"{"path": "in/*.csv"}"#), 2).await.unwrap();
    let rows = [r#"{"a":"1","b":"x"}"#, r#"{"a":"2","b":"y"}"#, r#"{"a":"3","b":"z"}"#];
    assert_eq!((texts(&got), got.pages), (rows.to_vec(), 2));
    let got = read(&depot, &source(r#"{"path": "out/*"}"#), 2).await.unwrap();
    assert!(got.origins.len() == 1 && got.origins[0].starts_with("out/r-0-"), "{:?}", got.origins);

    let gone = load(r#"{"operation": "delete"}"#, Mode::Insert).await.unwrap();
    assert_eq!(gone, Disposition::Deleted);
    let left = read(&depot, &source(r#"{"path": "**", "operation": "list"}"#), 9).await.unwrap();
    assert_eq!(left.records.len(), 1);

    tells_what_is_missing(&azurite).await;
}

async fn tells_what_is_missing(azurite: &Azurite) {
    let list = source(r#"{"path": "**"}"#);
    let nowhere = read(&azurite.open("nowhere", None), &list, 9).await.unwrap_err();
    assert_eq!(nowhere.code(), "FILE_MISSING", "{nowhere}");
    let wrong = read(&azurite.open("exports", Some("d3Jvbmc=")), &list, 9).await.unwrap_err();
    assert_eq!(wrong.code(), "unauthorized", "{wrong}");
}
