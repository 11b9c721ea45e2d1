//! A real folder: what is in it is read, what is outside is not.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use ferrule_connector::Tenant;

use super::{read, source};
use crate::settings::Settings;
use crate::store::{Depot, Own, Request};

/// A folder that is gone when the test is over.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ferrule-files-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn file(&self, name: &str, bytes: &[u8]) {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    pub(crate) fn depot(&self) -> Depot {
        open(self.0.to_str().unwrap()).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

pub(crate) fn open(root: &str) -> Result<Depot, ferrule_connector::Failure> {
    let settings = Settings { root: Some(root.to_owned()), ..Settings::default() };
    let (tenant, own) = (Tenant::new("acme").unwrap(), Own::default());
    Request { tenant: &tenant, settings: &settings, secret: None, local: true, own: &own }.open()
}

#[tokio::test]
async fn a_folder_is_read_in_order_and_page_by_page() {
    let scratch = Scratch::new();
    for name in ["c", "a", "b"] {
        scratch.file(&format!("in/{name} 1.csv"), b"a\n1\n2\n3\n");
    }
    let got = read(&scratch.depot(), &source(r#"{"path": "in/*.csv"}"#), 2).await.unwrap();
    assert_eq!(got.origins, ["in/a 1.csv", "in/b 1.csv", "in/c 1.csv"]);
    assert_eq!((got.records.len(), got.pages), (9, 6));
}

#[tokio::test]
async fn a_link_out_of_the_folder_is_refused() {
    let (outside, scratch) = (Scratch::new(), Scratch::new());
    outside.file("secret.csv", b"a\nsecret\n");
    std::os::unix::fs::symlink(outside.0.join("secret.csv"), scratch.0.join("a.csv")).unwrap();
    std::os::unix::fs::symlink(&outside.0, scratch.0.join("sub")).unwrap();
    for path in ["a.csv", "sub/secret.csv", "**/*.csv"] {
        let source = source(&format!(r#"{{"path": "{path}"}}"#));
        let failure = read(&scratch.depot(), &source, 10).await.unwrap_err();
        assert_eq!(failure.code(), "FILE_PATH", "{path}");
    }
}

#[tokio::test]
async fn a_link_within_the_folder_is_followed() {
    let scratch = Scratch::new();
    scratch.file("a.csv", b"a\n1\n");
    std::os::unix::fs::symlink("a.csv", scratch.0.join("b.csv")).unwrap();
    let got = read(&scratch.depot(), &source(r#"{"path": "b.csv"}"#), 10).await.unwrap();
    assert_eq!(got.records.len(), 1);
}

#[tokio::test]
async fn a_folder_file_that_changes_between_two_pages_is_not_mixed() {
    let scratch = Scratch::new();
    scratch.file("a.csv", b"a\n1\n2\n3\n");
    let source = source(r#"{"path": "a.csv"}"#);
    let depot = scratch.depot();
    let null = ferrule_connector::Value::Null;
    let first = crate::extract::extract(&depot, &source, &null, 1).await.unwrap();
    scratch.file("a.csv", b"a\n1\n2\n3\n4\n");
    let next = first.next.unwrap();
    let failure = crate::extract::extract(&depot, &source, &next, 1).await.unwrap_err();
    assert_eq!(failure.code(), "FILE_CHANGED");
}

#[test]
fn a_missing_folder_and_a_file_in_its_place_say_so() {
    let scratch = Scratch::new();
    scratch.file("file", b"");
    let missing = open(scratch.0.join("nowhere").to_str().unwrap()).unwrap_err();
    assert!(missing.to_string().starts_with("there is no folder"), "{missing}");
    let file = open(scratch.0.join("file").to_str().unwrap()).unwrap_err();
    assert!(file.to_string().ends_with("is not a folder"), "{file}");
}
