//! What cannot be read is never an empty page.

use std::io::Write;

use ferrule_connector::{Answer, Failure};
use ferrule_testing::vendor::{Manner, Reply, Vendor};
use flate2::{Compression, write::GzEncoder};

use super::{get, hasty, http, is_unavailable};

async fn answered(reply: Reply) -> Result<Answer, Failure> {
    let vendor = Vendor::start(move |_, _| reply.clone()).await;
    http().send(get(&vendor, "/page").cap(1024 * 1024)).await
}

async fn given_up(reply: Reply) -> Failure {
    let vendor = Vendor::start(move |_, _| reply.clone()).await;
    http().send(hasty(get(&vendor, "/page"))).await.err().unwrap()
}

async fn failed(reply: Reply) -> Failure {
    match answered(reply).await {
        Ok(answer) => answer.json().expect_err("must not be readable"),
        Err(failure) => failure,
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_whole_answer_is_read_packed_or_not() {
    let body = r#"{"id": 12345678901234567890123}"#;
    let plain = answered(Reply::json(body)).await.unwrap();
    let packed = Reply::json(gzip(body.as_bytes())).header("content-encoding", "gzip");
    let packed = answered(packed).await.unwrap();
    assert_eq!(plain.json().unwrap(), packed.json().unwrap());
    assert_eq!(plain.json().unwrap().to_string(), r#"{"id":12345678901234567890123}"#);
}

#[tokio::test]
async fn half_a_body_is_tried_again() {
    let page = Reply::json(r#"[{"id": 1}, {"id": 2}]"#);
    let cut = failed(page.clone().manner(Manner::CutAfter(11))).await;
    assert!(is_unavailable(&cut, "broke off"), "{cut}");
    let stalled = given_up(page.clone().manner(Manner::StallAfter(11))).await;
    assert!(is_unavailable(&stalled, "stopped in the middle"), "{stalled}");
    let short = failed(page.manner(Manner::CutAfter(0))).await;
    assert!(is_unavailable(&short, "broke off"), "{short}");
}

#[tokio::test]
async fn json_that_ends_early_or_is_none_is_tried_again() {
    for body in [r#"[{"id": 1}, {"id""#, "", "null null", "<html>Please log in</html>", "\u{0}"] {
        let failure = failed(Reply::json(body)).await;
        assert!(matches!(failure, Failure::Unavailable { .. }), "{body}: {failure}");
    }
}

#[tokio::test]
async fn a_login_page_is_not_data() {
    let page = Reply::ok("text/html; charset=utf-8", "<!DOCTYPE html><title>Sign in</title>");
    let failure = failed(page).await;
    assert!(is_unavailable(&failure, "answered with HTML, not JSON"), "{failure}");
}

#[tokio::test]
async fn a_mute_or_trickling_server_is_left_in_time() {
    let mute = given_up(Reply::json("[]").manner(Manner::Mute)).await;
    assert!(is_unavailable(&mute, "no answer within"), "{mute}");
    let slow =
        given_up(Reply::json("[1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9]").manner(Manner::Trickle));
    let slow = slow.await;
    assert!(is_unavailable(&slow, "no full answer within"), "{slow}");
}

#[tokio::test]
async fn no_more_is_read_than_the_cap_allows() {
    let endless = failed(Reply::json("[1,2,3]").manner(Manner::Endless)).await;
    assert_eq!(endless.code(), "TOO_LARGE", "{endless}");
    let bomb = Reply::json(gzip(&vec![b' '; 64 * 1024 * 1024])).header("content-encoding", "gzip");
    let bomb = failed(bomb).await;
    assert_eq!(bomb.code(), "TOO_LARGE", "{bomb}");
}

#[tokio::test]
async fn an_answer_that_is_not_packed_as_it_says_is_tried_again() {
    let lie = failed(Reply::json("[1]").header("content-encoding", "gzip")).await;
    assert!(is_unavailable(&lie, "broke off"), "{lie}");
    let mut half = gzip(&[b'1'; 4000]);
    half.truncate(20);
    let half = failed(Reply::json(half).header("content-encoding", "gzip")).await;
    assert!(is_unavailable(&half, "broke off"), "{half}");
}

#[tokio::test]
async fn an_endless_error_page_is_still_an_error_with_its_status() {
    let failure = failed(Reply::json("no").with_status(500).manner(Manner::Endless)).await;
    assert!(is_unavailable(&failure, "500"), "{failure}");
    let cut = Reply::json("{\"error\": \"x\"}").with_status(400).manner(Manner::CutAfter(3));
    assert!(matches!(failed(cut).await, Failure::Rejected { .. }));
}
