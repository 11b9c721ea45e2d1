//! Files that are made to hurt.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::{gz, read_file, utf16};
use crate::listing::Pattern;

/// Far more than any of this takes, far less than what it would take without bounds.
const SOON: Duration = Duration::from_secs(10);

/// Reads a file; returns how many records, how many refused, or why it is not read.
async fn soon(name: &str, bytes: &[u8], more: &str) -> Result<(usize, usize), String> {
    let started = Instant::now();
    let got = read_file(name, bytes, more).await;
    let took = started.elapsed();
    assert!(took < SOON, "{name} of {} bytes took {took:?}", bytes.len());
    got.map(|got| (got.records.len(), got.rejected.len())).map_err(|failure| failure.to_string())
}

/// Bytes that do not get smaller when they are packed, and that are letters.
fn noise(bytes: usize) -> String {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let letter = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'A' + u8::try_from(state >> 40 & 0x3F).unwrap_or(0) % 58)
    };
    (0..bytes).map(letter).filter(char::is_ascii_alphabetic).collect()
}

/// Case 34: what is packed so that it comes in small pieces is looked at once, not piece by piece
/// from its start.
#[tokio::test]
async fn a_piece_without_end_costs_what_its_length_says() {
    let noise = noise(6 << 20);
    for (name, start) in [
        ("comment.xml.gz", "<l><i/><!-- "),
        ("cdata.xml.gz", "<l><i><![CDATA["),
        ("inner.xml.gz", "<l><i><!-- "),
        ("tag.xml.gz", "<l><i x='"),
        ("value.json.gz", "[{\"a\":\""),
        ("line.jsonl.gz", "{\"a\":\""),
        ("quoted.csv.gz", "a,b\n\""),
        ("row.csv.gz", "a,b\n"),
    ] {
        let packed = gz(format!("{start}{noise}").as_bytes());
        assert!(packed.len() > noise.len() / 2, "it is not packed well");
        let outcome = soon(name, &packed, "").await;
        assert!(!matches!(outcome, Ok((2.., _))), "{name}: {outcome:?}");
    }
}

/// Case 34: packed things within packed things stay packed.
#[tokio::test]
async fn what_is_packed_twice_is_not_unpacked_twice() {
    let once = gz(&vec![b'0'; 8 << 20]);
    let twice = gz(&once);
    for name in ["a.csv.gz", "a.jsonl.gz", "a.json.gz", "a.xml.gz"] {
        let outcome = soon(name, &twice, "").await;
        assert!(!matches!(outcome, Ok((1.., _))), "{name}: {outcome:?}");
    }
    let zip = b"PK\x03\x04\x14\0\0\0\x08\0../../etc/passwd";
    for name in ["a.jsonl", "a.json", "a.xml"] {
        let outcome = soon(name, zip, "").await;
        assert!(!matches!(outcome, Ok((1.., _))), "{name}: {outcome:?}");
    }
}

/// Case 35: attributes, names and levels without end.
#[tokio::test]
async fn xml_that_multiplies_is_refused_alone_or_whole() {
    let mut attributes = String::from("<l><i ");
    let mut names = String::from("<l><i>");
    for at in 0..200_000 {
        write!(attributes, "a{at}='' ").unwrap();
        write!(names, "<n{at}/>").unwrap();
    }
    attributes.push_str("/><i/></l>");
    names.push_str("</i><i/></l>");
    assert_eq!(soon("attributes.xml", attributes.as_bytes(), "").await, Ok((1, 1)));
    assert_eq!(soon("names.xml", names.as_bytes(), "").await, Ok((1, 1)));
    let same = format!("<l><i {}/><i/></l>", "a='' ".repeat(100_000));
    assert_eq!(soon("same.xml", same.as_bytes(), "").await, Ok((1, 1)));
    let deep = format!("<l><i>{}</i><i/></l>", "<n>".repeat(1000) + &"</n>".repeat(1000));
    assert_eq!(soon("deep.xml", deep.as_bytes(), "").await, Ok((1, 1)));
    let outside = "<n>".repeat(100_000);
    assert!(soon("outside.xml", outside.as_bytes(), r#", "records": "i""#).await.is_err());
    let references = format!("<l><i>{}</i></l>", "&#x10FFFF;".repeat(300_000));
    assert_eq!(soon("references.xml", references.as_bytes(), "").await, Ok((1, 0)));
    for hostile in [
        "<!DOCTYPE l SYSTEM \"http://169.254.169.254/\"><l><i/></l>",
        "<!DOCTYPE l [<!ENTITY % p SYSTEM \"file:///etc/passwd\">%p;]><l><i/></l>",
        "<!DOCTYPE l [<!ENTITY a \"&b;&b;\"><!ENTITY b \"&a;\">]><l><i>&a;</i></l>",
        "<!doctype l><l><i/></l>",
    ] {
        assert!(soon("doctype.xml", hostile.as_bytes(), "").await.is_err(), "{hostile}");
    }
    let include =
        "<l xmlns:xi='http://www.w3.org/2001/XInclude'><i><xi:include href='/etc/passwd'/></i></l>";
    let got = read_file("include.xml", include.as_bytes(), "").await.unwrap();
    assert_eq!(got.records[0].1, r#"{"xi:include":{"@href":"/etc/passwd"}}"#, "it is only a name");
    let entity = soon("entity.xml", b"<l><i>&file;</i><i/></l>", "").await;
    assert_eq!(entity, Ok((1, 1)), "an entity that nobody knows costs its record");
}

/// Case 33: no reader ever makes up a character that was not there.
#[tokio::test]
async fn what_is_no_text_is_refused_and_never_replaced() {
    let corpus: &[(&str, &[u8])] = &[
        ("latin-1", b"caf\xE9"),
        ("an overlong slash", b"\xC0\xAF"),
        ("an overlong nul", b"\xE0\x80\x80"),
        ("half a pair", b"\xED\xA0\x80"),
        ("beyond the last", b"\xF4\x90\x80\x80"),
        ("five bytes", b"\xF8\x88\x80\x80\x80"),
        ("a start without end", b"\xE2\x82"),
        ("an end without start", b"\x80"),
        ("0xFF", b"\xFF"),
    ];
    for (what, bad) in corpus {
        for (name, start, end) in [
            ("a.csv", &b"a,b\n1,"[..], &b"\n2,good\n"[..]),
            ("a.jsonl", b"{\"a\":\"", b"\"}\n{\"a\":\"good\"}\n"),
            ("a.json", b"[{\"a\":\"", b"\"},{\"a\":\"good\"}]"),
            ("a.xml", b"<l><i><a>", b"</a></i><i><a>good</a></i></l>"),
        ] {
            let got = read_file(name, &[start, bad, end].concat(), "").await;
            let got = got.unwrap_or_else(|failure| panic!("{what} in {name}: {failure}"));
            assert_eq!((got.records.len(), got.rejected.len()), (1, 1), "{what} in {name}");
            assert!(got.records[0].1.contains("good"), "{what} in {name}");
            assert_eq!(got.rejected[0].code, "ENCODING", "{what} in {name}");
        }
    }
    let wide: Vec<u8> = "a\nx\n".chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
    let text = utf16("a,b\n1,\u{fc}\n");
    for (what, bytes, more) in [
        ("UTF-32", &[&b"\xFF\xFE\0\0"[..], &wide].concat()[..], ""),
        ("half of a UTF-16 character", &text[..text.len() - 1], ""),
        ("UTF-16 said to be UTF-8", &text[2..], r#", "encoding": "utf-8""#),
    ] {
        if let Ok(got) = read_file("a.csv", bytes, more).await {
            let replaced = got.records.iter().any(|(_, text)| text.contains('\u{fffd}'));
            assert!(!replaced, "{what}: {got:?}");
        }
    }
}

/// Case 39: patterns of file names that go back and forth, and those that are too long.
#[test]
fn a_pattern_of_names_is_short_and_matches_in_linear_time() {
    let name = format!("{}b", "a".repeat(1000));
    for pattern in
        ["*a".repeat(60), "{a,aa}".repeat(60) + "*", "[a-z]*".repeat(60), "**/".repeat(40)]
    {
        let started = Instant::now();
        if let Ok(Pattern::Glob { matcher, .. }) = Pattern::parse(&format!("{pattern}c")) {
            for _ in 0..20 {
                assert!(!matcher.is_match(&name));
            }
        }
        assert!(started.elapsed() < SOON, "{pattern} took {:?}", started.elapsed());
    }
    let failure = Pattern::parse(&"*a".repeat(10_000)).unwrap_err();
    assert!(failure.to_string().contains("at most"), "{failure}");
}
