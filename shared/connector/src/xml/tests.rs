use proptest::{prop_assert, prop_assert_eq};

use super::*;
use crate::fuzz::{fuzz, spoilt};

fn read(text: &str) -> String {
    match parse(text.as_bytes()) {
        Ok(value) => value.to_string(),
        Err(failure) => format!("{}: {failure}", failure.code()),
    }
}

#[test]
fn maps_attributes_text_repeats_and_nothing() {
    for (xml, json) in [
        ("<a/>", r#"{"a":null}"#),
        ("<a></a>", r#"{"a":null}"#),
        ("<a> t </a>", r#"{"a":" t "}"#),
        ("<a x='1' y=\"&lt;2\"/>", r#"{"a":{"@x":"1","@y":"<2"}}"#),
        ("<a x='1'>t</a>", r##"{"a":{"@x":"1","#text":"t"}}"##),
        ("<a><b>1</b><c/><b>2</b></a>", r#"{"a":{"b":["1","2"],"c":null}}"#),
        ("<a>\n <b><c>d</c></b>\n</a>", r#"{"a":{"b":{"c":"d"}}}"#),
        ("<a>x<b/>y</a>", r##"{"a":{"b":null,"#text":"xy"}}"##),
        ("<a>1 &lt; 2 &amp;&#38; &#x1F600;&apos;&quot;&gt;</a>", r#"{"a":"1 < 2 && 😀'\">"}"#),
        ("<a><![CDATA[<b>&amp;</b>]]></a>", r#"{"a":"<b>&amp;</b>"}"#),
        ("<?xml version='1.0'?><!-- c --><n:a>0012</n:a><!-- d -->\n", r#"{"n:a":"0012"}"#),
        ("<a>one\r\ntwo</a>", r#"{"a":"one\ntwo"}"#),
    ] {
        assert_eq!(read(xml), json, "{xml}");
    }
}

#[test]
fn refuses_what_is_broken_cut_or_hostile() {
    let deep = format!("{}{}", "<a>".repeat(200), "</a>".repeat(200));
    for (xml, says) in [
        ("", "in the middle"),
        ("   ", "in the middle"),
        ("<a><b></a>", "b"),
        ("<a><b>", "in the middle"),
        ("<a>text", "in the middle"),
        ("<a", "XML"),
        ("<a/><b/>", "second root"),
        ("<a/>tail", "outside of the root"),
        ("<a>&lol;</a>", "&lol; is not known"),
        ("<a>&#0;</a>", "XML"),
        ("<a x='1' x='2'/>", "XML"),
        ("<a x='&ext;'/>", "XML"),
        ("<!DOCTYPE a><a/>", "DOCTYPE"),
        ("<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><a>&e;</a>", "DOCTYPE"),
        (&deep, "deeper than 128"),
    ] {
        let answer = read(xml);
        assert!(answer.starts_with("XML") && answer.contains(says), "{xml}: {answer}");
    }
}

#[test]
fn an_element_with_endless_names_is_refused() {
    let children = (0..2000).fold(String::new(), |xml, n| xml + &format!("<n{n}/>"));
    assert!(read(&format!("<a>{children}</a>")).contains("different names"));
}

#[test]
fn reads_the_encodings_that_are_declared_or_marked() {
    let latin = b"<?xml version=\"1.0\" encoding='ISO-8859-1'?><a>caf\xE9</a>";
    assert_eq!(parse(latin).unwrap().to_string(), r#"{"a":"café"}"#);
    let utf16: Vec<u8> = "\u{feff}<a>ü</a>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(parse(&utf16).unwrap().to_string(), r#"{"a":"ü"}"#);
    assert_eq!(read("\u{feff}<a>ü</a>"), r#"{"a":"ü"}"#);
    assert_eq!(parse(b"<a>\xE9</a>").unwrap_err().code(), "ENCODING");
    assert_eq!(
        read("<?xml version='1.0' encoding='klingon'?><a/>").split(':').next(),
        Some("ENCODING")
    );
}

fn stream(xml: &str, path: &str) -> Vec<String> {
    let shown = |element: Result<Element, Failure>| match element {
        Ok(element) => format!("{} {}", element.line, element.value),
        Err(failure) => failure.to_string(),
    };
    Records::new(xml.as_bytes(), path).map(shown).collect()
}

const CATALOG: &str = "<catalog>\n<note>x</note>\n<items>\n <item id='1'/>\n <item>\n  <n>2</n>\n \
                       </item>\n</items>\n<item>other</item></catalog>";

#[test]
fn streams_the_elements_at_a_path_with_their_lines() {
    let found = stream(CATALOG, "catalog/items/item");
    assert_eq!(found, [r#"4 {"@id":"1"}"#, r#"5 {"n":"2"}"#]);
    assert_eq!(stream(CATALOG, "*/items/*"), found);
    assert_eq!(stream(CATALOG, "").len(), 3);
    assert_eq!(stream(CATALOG, "catalog/nothing"), Vec::<String>::new());
}

#[test]
fn a_stream_ends_with_the_error_and_keeps_what_came_before() {
    let found = stream("<a><b>1</b><b>2</b><b>3</a>", "a/b");
    assert_eq!(found[..2], ["1 \"1\"", "1 \"2\""]);
    assert_eq!(found.len(), 3);
    assert!(found[2].starts_with("invalid XML"), "{}", found[2]);
}

#[test]
fn one_endless_element_is_stopped_while_many_small_ones_pass() {
    let many = format!("<a>{}</a>", "<b>xxxxxxxx</b>".repeat(1000));
    let small = Records::open(many.as_bytes(), vec!["a".into(), "b".into()], 100);
    assert_eq!(small.flatten().count(), 1000);
    let endless = format!("<a><b>{}", "x".repeat(1000));
    let mut records = Records::open(endless.as_bytes(), vec!["a".into(), "b".into()], 100);
    assert!(records.next().unwrap().unwrap_err().to_string().contains("too large"));
}

#[test]
fn no_bytes_make_it_panic() {
    let good = [
        "<?xml version='1.0' encoding='ISO-8859-1'?><a x='1'><b>&lt;1</b><b/><!-- c --></a>",
        "<a>x<b y=\"&#x1F600;\"/>y<![CDATA[<z>]]></a>",
    ];
    let good = good.map(|text| text.as_bytes().to_vec()).to_vec();
    let pieces = "<¦>¦/¦</¦/>¦<a>¦</a>¦<b ¦x='1'¦'¦\"¦<!--¦-->¦<![CDATA[¦]]>¦<?¦?>¦<!DOCTYPE a [¦<!ENTITY b 'c'>¦\
        &¦;¦&b;¦&#0;¦&#xD800;¦encoding='utf-16'¦encoding='x'¦é¦\n¦ ¦:¦=¦\u{feff}¦\u{0}";
    fuzz("XML", spoilt(good, pieces), |bytes| {
        match parse(&bytes) {
            Ok(value) => {
                let (name, inner) = value.as_object().unwrap().iter().next().unwrap();
                if let Ok(written) = write(name, inner) {
                    let again = parse(written.as_bytes());
                    prop_assert!(again.is_ok(), "{}: {:?}", written, again);
                }
                let streamed =
                    Records::new(&*to_utf8(&bytes).unwrap(), "*").map(Result::unwrap).count();
                prop_assert_eq!(streamed, 1);
            }
            Err(failure) => {
                prop_assert!(matches!(failure.code(), "XML" | "ENCODING"), "{}", failure);
            }
        }
        Ok(())
    });
}
