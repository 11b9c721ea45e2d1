//! XML documents.

use super::{read_file, texts};

const FEED: &str = "<?xml version=\"1.0\"?>\n<!-- <entry/> -->\n<feed><title>t</title>\n\
    <entry id=\"1\"><name>a &gt; b</name></entry>\n\
    <entry id='>2'/><group><entry id=\"3\"><entry id=\"4\"/></entry></group></feed>\n";

#[tokio::test]
async fn elements_of_a_name_are_records_wherever_they_are() {
    let got = read_file("a.xml", FEED.as_bytes(), r#", "records": "entry""#).await.unwrap();
    let expected =
        [r#"{"@id":"1","name":"a > b"}"#, r#"{"@id":">2"}"#, r#"{"@id":"3","entry":{"@id":"4"}}"#];
    assert_eq!(texts(&got), expected);
    assert_eq!(got.records[0].0, 4);
}

#[tokio::test]
async fn a_path_from_the_root_is_followed() {
    let got = read_file("a.xml", FEED.as_bytes(), r#", "records": "feed/group/*""#).await.unwrap();
    assert_eq!(texts(&got), [r#"{"@id":"3","entry":{"@id":"4"}}"#]);
}

#[tokio::test]
async fn without_a_name_every_child_of_the_root_is_a_record() {
    let got = read_file("a.xml", b"<l><i>1</i><i/><i x='2'/></l>", "").await.unwrap();
    assert_eq!(texts(&got), [r##"{"#text":"1"}"##, "{}", r#"{"@x":"2"}"#]);
}

#[tokio::test]
async fn latin_1_is_read_when_the_declaration_says_so() {
    let text = b"<?xml version='1.0' encoding='ISO-8859-1'?><l><i>\xE9</i></l>";
    let got = read_file("a.xml", text, "").await.unwrap();
    assert_eq!(texts(&got), [r##"{"#text":"é"}"##]);
}

#[tokio::test]
async fn a_doctype_is_refused_before_or_within_the_records() {
    let bomb = "<!DOCTYPE l [<!ENTITY a \"aaaa\">]><l><i>&a;</i></l>";
    for text in [bomb, "<l><i><!DOCTYPE x></i></l>"] {
        let failure = read_file("a.xml", text.as_bytes(), "").await.unwrap_err();
        assert_eq!(failure.code(), "XML_DOCTYPE", "{text}");
    }
}

#[tokio::test]
async fn a_bad_element_is_refused_alone() {
    let text = b"<l><i>1</i><i>&nosuch;</i><i><a></b></i><i>2</i></l>";
    let got = read_file("a.xml", text, "").await.unwrap();
    assert_eq!(texts(&got), [r##"{"#text":"1"}"##, r##"{"#text":"2"}"##]);
    let codes: Vec<_> = got.rejected.iter().map(|r| r.code).collect();
    assert_eq!(codes, ["XML", "XML"]);
}

#[tokio::test]
async fn a_document_that_is_cut_off_is_a_failure_not_the_end() {
    for cut in ["<l><i>1</i>", "<l><i>1</i></l", "<l><i>", "<l", "", "<?xml version='1.0'?>"] {
        let failure = read_file("a.xml", cut.as_bytes(), "").await.unwrap_err();
        assert_eq!(failure.code(), "XML", "{cut}");
    }
}

#[tokio::test]
async fn a_huge_element_is_refused_and_the_next_one_read() {
    let huge = "<a>x</a>".repeat(1024 * 1024);
    let text = format!("<l><i>{huge}</i><i>2</i></l>");
    let got = read_file("a.xml", text.as_bytes(), "").await.unwrap();
    assert_eq!(texts(&got), [r##"{"#text":"2"}"##]);
    assert_eq!(got.rejected[0].code, "RECORD_TOO_BIG");
}
