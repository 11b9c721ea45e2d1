//! Made-up files: every reader refuses them in words or reads the same from pages of any size.
//! `FERRULE_FUZZ_SECS=60` tries each for a minute.

#[path = "../../../../tests/fuzz/mod.rs"]
mod run;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseResult;
use run::{fuzz, piece, spoilt};

use super::pages::{block, in_pages};
use super::{gz, utf16};
use crate::listing::Pattern;

/// Reads a file whole and in pages.
fn same_in_pages(name: &str, bytes: &[u8], more: &str, size: usize) -> TestCaseResult {
    let whole = block(in_pages(name, bytes, more, 1000));
    let paged = block(in_pages(name, bytes, more, size));
    if let Ok(whole) = &whole {
        // A file can be broken behind the page that is full: then both say so, or neither.
        prop_assert_eq!(Ok(whole), paged.as_ref(), "{} in pages of {}", name, size);
        let replaced = |text: &str| text.contains('\u{fffd}');
        let is_made_up = whole.records.iter().any(|(_, text)| replaced(text));
        let is_there = bytes.windows(3).any(|three| three == "\u{fffd}".as_bytes());
        prop_assert!(!is_made_up || is_there || !more.is_empty(), "{:?}", whole);
    }
    if let Err(why) = whole {
        prop_assert!((1..5_000).contains(&why.len()), "{}", why);
    }
    Ok(())
}

const CSV: &str = "\"¦,¦\n¦\r\n¦\r¦;¦\t¦\"\"¦a¦é¦\u{feff}¦\u{0}¦=1+1¦ ¦\",\"¦\\¦'";

const CSV_SETTINGS: [&str; 6] = [
    "",
    r#", "csv": {"delimiter": ";"}"#,
    r#", "csv": {"header": false}"#,
    r#", "csv": {"quote": ""}"#,
    r#", "encoding": "utf-16le""#,
    r#", "encoding": "latin1""#,
];

#[test]
fn csv_is_read_the_same_in_pages() {
    let good = ["id,name,note\n1,\"a \"\"b\"\"\",x\n2,b,\"two\nlines\"\n", "a;b\r\n1;2\r\n", "a\n"];
    let good = good.map(|text| text.as_bytes().to_vec()).to_vec();
    fuzz(
        "CSV",
        (spoilt(good, CSV), 1..5_usize, select(&CSV_SETTINGS[..])),
        |(bytes, size, more)| same_in_pages("a.csv", &bytes, more, size),
    );
}

const JSON: &str =
    "{¦}¦[¦]¦:¦,¦\"¦\\¦\\ud800¦\n¦1¦1e400¦null¦ ¦\u{feff}¦{\"a\":¦[[¦]]¦\u{fffd}¦}{¦},{";

#[test]
fn json_is_read_the_same_in_pages() {
    let good = [
        "{\"data\":{\"items\":[{\"a\":1},{\"a\":\"x\\\"]\"},{\"a\":[[]]}],\"next\":null}}",
        "[{\"a\":1},{\"a\":2}]",
        "{\"a\":1}\n{\"a\":2}\n\n{\"a\":3}",
    ];
    let good = good.map(|text| text.as_bytes().to_vec()).to_vec();
    let settings = select(&["", r#", "records": "data.items""#, r#", "records": "data""#][..]);
    let names = select(&["a.json", "a.jsonl"][..]);
    fuzz(
        "JSON files",
        (spoilt(good, JSON), 1..5_usize, names, settings),
        |(bytes, size, name, more)| {
            let more = if name == "a.json" { more } else { "" };
            same_in_pages(name, &bytes, more, size)
        },
    );
}

const XML: &str = "<¦>¦/¦</¦/>¦<i>¦</i>¦<i ¦x='1'¦x=\"¦'¦<!--¦-->¦<![CDATA[¦]]>¦<?¦?>¦<!DOCTYPE l>¦&¦;¦\
    &amp;¦&#0;¦&#x10FFFF;¦&lol;¦é¦\n¦ ¦<!¦<?xml version='1.0' encoding='utf-16'?>¦:¦=¦\u{feff}";

#[test]
fn xml_is_read_the_same_in_pages() {
    let good = [
        "<?xml version='1.0'?><l><i k='1'>a</i><!-- c --><i><b>x</b><b/></i><g><i/></g></l>",
        "<l>\n<i>&lt;</i><i><![CDATA[<x>]]></i>\n</l>",
    ];
    let good = good.map(|text| text.as_bytes().to_vec()).to_vec();
    let settings = select(&["", r#", "records": "i""#, r#", "records": "l/*""#][..]);
    fuzz("XML files", (spoilt(good, XML), 1..5_usize, settings), |(bytes, size, more)| {
        same_in_pages("a.xml", &bytes, more, size)
    });
}

#[test]
fn packed_files_are_read_the_same_in_pages() {
    let rows = "a,b\n".to_owned() + &"1,x\n".repeat(500);
    let good = vec![gz(rows.as_bytes()), gz(&utf16(&rows)), [gz(b"a,b\n"), gz(b"1,2\n")].concat()];
    let pieces = "\u{1f}¦\u{0}¦\u{3}¦\u{8}";
    fuzz("gzip", (spoilt(good, pieces), 1..50_usize), |(bytes, size)| {
        same_in_pages("a.csv.gz", &bytes, "", size)
    });
}

#[test]
fn patterns_of_names_are_read_or_refused() {
    const PIECES: &str = "*¦**¦/¦?¦[¦]¦{¦}¦,¦!¦^¦-¦a¦b¦.¦..¦\\¦é¦%2e%2e¦ ";
    let pattern =
        proptest::collection::vec(piece(PIECES), 0..20).prop_map(|pieces| pieces.concat());
    fuzz("names", (pattern, "[ab./é]{0,20}"), |(pattern, name)| {
        match Pattern::parse(&pattern) {
            Ok(Pattern::Glob { folder, matcher }) => {
                matcher.is_match(&name);
                prop_assert!(!folder.as_ref().split('/').any(|part| part == ".."), "{}", folder);
            }
            Ok(Pattern::Plain(path)) => {
                prop_assert!(!path.as_ref().split('/').any(|part| part == ".."), "{}", path);
            }
            Err(failure) => prop_assert_eq!(failure.code(), "FILE_PATH"),
        }
        Ok(())
    });
}
