//! Memory is bounded by the page, not by the file.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use ferrule_connector::Value;
use futures_util::StreamExt;

use crate::csv::Rows;
use crate::format::Csv;
use crate::frame::{Framer as _, Step, View};
use crate::text::{Text, Wrapping};

/// Reads `megabytes` of rows that are made while they are read; returns the widest window and the
/// number of rows.
async fn widest(megabytes: usize) -> (usize, u64) {
    let made = Arc::new(AtomicUsize::new(0));
    let chunks = futures_util::stream::iter(0..megabytes * 16).map(move |_| {
        made.fetch_add(1, Ordering::Relaxed);
        Ok(Bytes::from("1,2,\"three\nlines\",4\n".repeat(64 * 1024 / 20)))
    });
    let wrapping = Wrapping { max_bytes: u64::MAX, ..Wrapping::default() };
    let mut text = Text::open(chunks.boxed(), &wrapping).await.unwrap();
    let columns: Vec<_> = ["a", "b", "c", "d"].map(str::to_owned).into();
    let dialect = Csv { header: Some(false), ..Csv::default() }.dialect("a.csv").unwrap();
    let mut rows = Rows::new(dialect, &columns, &Value::Null).unwrap();
    let (mut widest, mut count) = (0, 0);
    loop {
        widest = widest.max(text.capacity());
        match rows.step(View::of(&text)).unwrap() {
            Step::More => text.fill().await.unwrap(),
            Step::Skip(bytes) => text.consume(bytes),
            Step::Record(framed) => {
                count += 1;
                text.consume(framed.bytes);
            }
            Step::End => return (widest, count),
        }
    }
}

#[tokio::test]
async fn a_file_ten_times_as_long_needs_no_more_memory() {
    let (small, few) = widest(1).await;
    let (large, many) = widest(10).await;
    assert_eq!(many, few * 10);
    assert_eq!(small, large);
    assert!(large < 1024 * 1024, "{large}");
}
