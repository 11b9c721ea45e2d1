//! Input that is made to hurt: each piece comes to its end soon, in bounded memory, and in words.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it measured"
)]

use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ferrule_core::{
    Value,
    document::{Catalog, Document, load},
    engine::{Engine, Verdict},
    expr::Expr,
    json,
    pattern::{Index, Patterns},
    template::Template,
};

/// Far more than any of this takes, far less than what it would take without bounds.
const SOON: Duration = Duration::from_secs(5);

/// Most memory that a single text of 1 MiB may cost.
const MOST_KIB: u64 = 256 * 1024;

/// One at a time: memory is counted for the whole process.
static MEASURING: Mutex<()> = Mutex::new(());

fn soon<T>(what: &str, act: impl FnOnce() -> T) -> T {
    let guard = MEASURING.lock().unwrap_or_else(PoisonError::into_inner);
    // The peak starts anew; where that cannot be had, an earlier peak hides a later one.
    std::fs::write("/proc/self/clear_refs", "5").ok();
    let (started, before) = (busy(), peak_kib());
    let outcome = act();
    let (took, grown) = (busy().saturating_sub(started), peak_kib().saturating_sub(before));
    drop(guard);
    println!("{what}: {took:?}, {grown} KiB");
    assert!(took < SOON, "{what} took {took:?}");
    assert!(grown < MOST_KIB, "{what} took {grown} KiB");
    outcome
}

/// What this thread has worked so far; how busy the machine is does not count.
fn busy() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap()
}

/// The most memory that this process has had.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

fn problems(what: &str, text: &str) -> String {
    assert!(text.len() <= 1 << 20, "{what} is {} bytes", text.len());
    match soon(what, || load(text, &Catalog::new())) {
        Ok(found) => format!("{} documents", found.len()),
        Err(problems) => problems.iter().map(|p| p.message.clone() + "\n").collect(),
    }
}

fn integration(body: &str) -> String {
    format!(
        "apiVersion: ferrule/v1\nkind: Integration\nmetadata: {{name: x}}\n\
         source: {{connection: a}}\n{body}\n"
    )
}

/// An integration that tells of changes.
fn told(matching: &str, more: &str) -> String {
    format!(
        "apiVersion: ferrule/v1\nkind: Integration\nmetadata: {{name: x}}\n\
         trigger: {{config_change: {{match: {matching}}}}}\n\
         output: {{notify: [{{connection: chat}}]{more}}}\n"
    )
}

fn engine(text: &str) -> Engine {
    let found = load(text, &Catalog::new()).unwrap_or_else(|problems| panic!("{problems:?}"));
    let [Document::Integration(integration)] = &found[..] else {
        panic!("{} documents", found.len())
    };
    Engine::compile(integration).unwrap()
}

/// `one` with its number in place of `#`, again and again until the text is about full.
fn full(one: &str, most: usize) -> String {
    let mut text = String::new();
    for at in 0.. {
        let next = one.replace('#', &at.to_string());
        if text.len() + next.len() > most {
            break;
        }
        text.push_str(&next);
    }
    text
}

/// Case 32: definitions that are wide, deep or long in a way that multiplies.
#[test]
fn a_definition_of_a_mebibyte_is_read_or_refused_soon() {
    let room = 1_000_000;
    let long = "k".repeat(400_000);
    let list = "1,".repeat(49_000);
    let nested = |depth: usize, key: &str, inner: &str| {
        format!("{}{inner}{}", format!("{{{key}: ").repeat(depth), "}".repeat(depth))
    };
    let keys = "k".repeat(1000);
    for (what, text) in [
        ("keys", format!("{{{}}}", full("k#: 1,", room))),
        ("keys of JSON", format!("{{{}\"a\":1}}", full("\"k#\":1,", room))),
        ("a long key over a list", format!("? {long}\n: [{list}]")),
        ("a long quoted key over a list", format!("{{\"{long}\": [{list}]}}")),
        ("long keys over one another", nested(60, &keys, &format!("[{list}]"))),
        ("flow lists", "[".repeat(room)),
        ("block lists", "- ".repeat(room / 2)),
        ("indents", (0..1400).fold(String::new(), |text, at| text + &" ".repeat(at) + "a:\n")),
        ("aliases", format!("a: &a [1,1,1,1,1,1,1,1,1]\nb: [{}]", "*a,".repeat(300_000))),
        (
            "aliases of aliases",
            (1..30).fold("a0: &a0 [1,1]\n".to_owned(), |text, at| {
                let before = at - 1;
                text + &format!("a{at}: &a{at} [*a{before},*a{before}]\n")
            }),
        ),
        ("anchors", full("a#: &a# x\n", room)),
        ("documents", "--- 1\n".repeat(room / 6)),
        ("a long plain text", "a ".repeat(room / 2)),
        ("a long quoted text", format!("a: \"{}", "\\x41".repeat(room / 4))),
        ("a folded text", format!("a: >\n{}", "  b\n\n".repeat(room / 5))),
        ("comments", "# c\n".repeat(room / 4)),
        ("tags", full("- !a# x\n", room)),
        ("directives", full("%TAG !e#! tag:x\n", room)),
    ] {
        let found = problems(what, &text);
        assert!(!found.is_empty() && found.len() < 1_000_000, "{what}: {} bytes", found.len());
    }
}

/// Case 39: patterns that are many, long or made to go back and forth.
#[test]
fn patterns_are_few_and_short_when_they_are_saved() {
    let many = problems("many patterns", &told(&format!("[{}]", full("\"*a#*b*\",", 500_000)), ""));
    assert!(many.contains("at most 500 patterns"), "{many}");
    let long = problems("a long pattern", &told(&format!("[\"{}\"]", "*a".repeat(100_000)), ""));
    assert!(long.contains("at most 256 bytes"), "{long}");
    assert_eq!(problems("a pattern", &told("[\"*.database.*\"]", "")), "1 documents");
}

/// Case 39: matching takes time by the length of key and pattern, and not by their product again and again.
#[test]
fn matching_is_linear_whatever_pattern_and_key_are() {
    let key = "a".repeat(100_000);
    let patterns: Vec<String> = vec![
        format!("{}b", "*a".repeat(120)),
        format!("{}b*", "*aa".repeat(80)),
        "*".repeat(200),
        format!("*{}b*", "a".repeat(200)),
    ];
    for pattern in &patterns {
        let list = Patterns::new(std::slice::from_ref(pattern)).unwrap();
        soon("a match", || list.matches(&key));
        let index = Index::new([&list]).unwrap();
        soon("a lookup", || index.matching(&key));
    }
    let lists: Vec<Patterns> = (0..10_000)
        .map(|at| Patterns::new(&[format!("*a{at}*"), format!("!*b{at}")]).unwrap())
        .collect();
    let index = soon("10,000 lists", || Index::new(&lists)).unwrap();
    soon("10,000 lists, one key", || assert!(index.matching(&key).is_empty()));
    soon("10,000 lists, 2,000 keys", || {
        for at in 0..2_000 {
            index.matching(&format!("app.a{at}.host"));
        }
    });
}

fn mapped(columns: &str) -> String {
    integration(&format!("map:\n{columns}output: {{connection: b}}"))
}

/// Case 39: regular expressions that would take long to match.
#[test]
fn regular_expressions_do_not_go_back_and_forth() {
    for pattern in ["(a+)+$", "(a|a)*b", "(.*)*x", "([a-z]+)*\\d", "a{0,50}a{50}"] {
        let text = mapped(&format!("  a: {{from: .a, pattern: '{pattern}'}}\n"));
        let engine = engine(&text);
        let record = json::parse(format!("{{\"a\":\"{}!\"}}", "a".repeat(200_000)).as_bytes());
        soon(pattern, || drop(engine.apply(&record.unwrap())));
    }
}

/// Case 39: regular expressions that would cost much to compile and to keep.
#[test]
fn regular_expressions_are_bounded_each_and_together() {
    for pattern in ["a{1000}{1000}", "(((a{100}){100}){100}){100}", "\\p{L}{1000}"] {
        let found =
            problems(pattern, &mapped(&format!("  a: {{from: .a, pattern: '{pattern}'}}\n")));
        assert!(found.contains("is not a regular expression"), "{found}");
    }
    let one = |times: usize| {
        format!("  c#: {{from: .a, pattern: '(?i)[\\p{{L}}\\p{{N}}]{{{times}}}'}}\n")
    };
    let largest = (1..100).take_while(|times| load(&mapped(&one(*times)), &Catalog::new()).is_ok());
    let largest = one(largest.last().unwrap());
    let columns = |count: usize| (0..count).map(|at| largest.replace('#', &at.to_string()));
    let found = problems("as many as there may be", &mapped(&columns(300).collect::<String>()));
    assert_eq!(found, "1 documents");
    let found = problems("one too many", &mapped(&columns(301).collect::<String>()));
    assert!(found.contains("at most 300 regular expressions"), "{found}");

    let tests = vec!["test(\"\\\\p{L}{8}\")"; 30].join(" or ");
    let found = problems(
        "in expressions",
        &mapped(&full(&format!("  c#: {{expr: '{tests}'}}\n"), 900_000)),
    );
    assert!(found.contains("at most 300 regular expressions"), "{found}");
    let text = told(
        "[\"*\"]",
        &format!(", message: {{title: '{}'}}", "${.a|gsub(\"\\\\p{L}{8}\";\"\")}".repeat(30_000)),
    );
    let found = problems("in a text", &text);
    assert!(found.contains("at most 300 regular expressions"), "{found}");
}

/// Case 37: what stands in a record is data, wherever it goes.
#[test]
fn a_value_is_never_read_as_a_template_or_an_expression() {
    let hostile = [
        "${.secret}",
        "{{secret}}",
        "{{ config.items() }}",
        "{% raw %}",
        "#{1+1}",
        "<%= 1 %>",
        "$(id)",
        "`id`",
        "\\(.secret)",
        "${${.secret}}",
        "%{secret}",
        "@{secret}",
        "$secret",
    ];
    let template = Template::compile("${.a}|${.a | tojson}|\\(.a)").unwrap();
    let text = integration(
        "map: {a: .a, b: {concat: [.a, .a]}, c: {expr: '\"<\\(.a)>\"'}}\noutput: {connection: b}",
    );
    let engine = engine(&text);
    for value in hostile {
        let mut object = ferrule_core::Object::new();
        object.insert("a", value.into());
        object.insert("secret", "s3cret".into());
        let record = Value::Object(object);
        let rendered = template.render(&record).unwrap();
        assert_eq!(rendered, format!("{value}|{}|\\(.a)", Value::from(value)));
        let Verdict::Mapped(row) = engine.apply(&record) else { panic!("{value}") };
        assert!(!row.value.to_string().contains("s3cret"), "{value}: {}", row.value);
        assert_eq!(row.value.get("a").and_then(Value::as_str), Some(value));
        assert_eq!(row.value.get("c").and_then(Value::as_str), Some(&*format!("<{value}>")));
    }
}

/// Case 37: however much an expression wants, it gets its fuel and no more; a text with very many
/// expressions ends too.
#[test]
fn no_expression_goes_on_for_ever() {
    let list = format!("[{}]", vec!["1"; 440].join(","));
    let record = json::parse(format!("{{\"l\":{list}}}").as_bytes()).unwrap();
    let just_below = "[.l[] as $a | .l[] as $b | select(false)] | length";
    let one = Expr::compile(just_below).unwrap();
    soon("nearly all fuel", || drop(one.first(&record)));
    let text = format!("${{{just_below}}}").repeat(300_000 / just_below.len());
    let template = match soon("thousands of expressions", || Template::compile(&text)) {
        Ok(template) => template,
        Err(error) => return assert!(error.contains("expressions"), "{error}"),
    };
    soon("thousands of expressions over a record", || drop(template.render(&record)));
}

/// Case 32: numbers that no float holds go through unchanged, or are refused in words.
#[test]
fn numbers_of_any_size_stay_what_they_are() {
    for column in [
        "a: .a",
        "i: {from: .a, type: int}",
        "n: {from: .a, type: decimal}",
        "s: {from: .a, type: text}",
        "t: {from: .a, type: datetime}",
        "e: {expr: '.a + 1'}",
        "f: {expr: '.a | floor'}",
        "m: {expr: '.a * .a'}",
        "l: {from: .a, max: 5}",
    ] {
        let engine = engine(&mapped(&format!("  {column}\n")));
        for number in [
            "1e400",
            "-1e400",
            "1e-400",
            "1e2147483648",
            "1e-2147483648",
            "1e999999999999",
            "12345678901234567890123",
            "123456789.123456789123456789",
            "-0",
            "-0.0",
            "0e0",
            "9223372036854775807",
            "-9223372036854775808",
            "9223372036854775808",
            "1E+2147483647",
            &"9".repeat(100_000),
            &format!("0.{}1", "0".repeat(100_000)),
        ] {
            let record = json::parse(format!("{{\"a\":{number}}}").as_bytes()).unwrap();
            let shown: String = format!("{column} of {number}").chars().take(40).collect();
            let verdict = soon(&shown, || engine.apply(&record));
            if column == "a: .a" {
                let Verdict::Mapped(row) = verdict else { panic!("{shown}") };
                assert_eq!(row.value.to_string(), format!("{{\"a\":{number}}}"));
            } else if let Verdict::Refused(refusal) = verdict {
                assert!(refusal.message.len() < 1000, "{}", refusal.message);
            }
        }
    }
}

/// Case 32: a body with very many keys, and one with nothing but brackets.
#[test]
fn json_costs_what_its_length_says() {
    let mut keys = String::from("{");
    for at in 0..300_000 {
        write!(keys, "\"k{at}\":1,").unwrap();
    }
    keys.push_str("\"k\":1}");
    let value = soon("very many keys", || json::parse(keys.as_bytes())).unwrap();
    assert_eq!(value.as_object().unwrap().len(), 300_001);
    let again = keys.replacen("\"k\":1", "\"k7\":1", 1);
    assert!(soon("one of them twice", || json::parse(again.as_bytes())).is_err());
    let lists = format!("[{}[]]", "[],".repeat(300_000));
    soon("very many lists", || json::parse(lists.as_bytes())).unwrap();
    let text = format!("\"{}\"", "\\u0041".repeat(300_000));
    soon("very many escapes", || json::parse(text.as_bytes())).unwrap();
}

/// Case 25: moments before 1970, beyond 32 bits, in a leap second and in the hour that is missing.
#[test]
fn moments_that_clocks_are_wrong_about() {
    let of = |column: &str, value: &str| {
        let engine = engine(&mapped(&format!("  t: {{from: .a, {column}}}\n")));
        match engine.apply(&json::parse(format!("{{\"a\":{value}}}").as_bytes()).unwrap()) {
            Verdict::Mapped(row) => row.value.get("t").unwrap().to_string(),
            Verdict::Refused(refusal) => refusal.message,
            Verdict::Ignored => "ignored".into(),
        }
    };
    let time = "type: datetime";
    for (value, wanted) in [
        ("\"1969-12-31T23:59:59Z\"", "\"1969-12-31T23:59:59Z\""),
        ("\"1901-12-13T20:45:51Z\"", "\"1901-12-13T20:45:51Z\""),
        ("\"2038-01-19T03:14:08Z\"", "\"2038-01-19T03:14:08Z\""),
        ("\"2106-02-07T06:28:16Z\"", "\"2106-02-07T06:28:16Z\""),
        ("\"2026-03-29T02:30:00+01:00\"", "\"2026-03-29T01:30:00Z\""),
        ("\"2026-10-25T02:30:00+01:00\"", "\"2026-10-25T01:30:00Z\""),
        ("\"2016-12-31T23:59:60Z\"", "\"2016-12-31T23:59:59Z\""),
        ("\"2026-01-01T00:00:00+14:00\"", "\"2025-12-31T10:00:00Z\""),
        ("\"2026-01-01T00:00:00-12:00\"", "\"2026-01-01T12:00:00Z\""),
    ] {
        assert_eq!(of(time, value), wanted, "{value}");
    }
    for value in [
        "\"2026-02-29T00:00:00Z\"",
        "\"2026-01-01T24:30:00Z\"",
        "\"99999-01-01T00:00:00Z\"",
        "1e400",
    ] {
        assert!(
            of(time, value).contains("FORMAT") || of(time, value).contains("time"),
            "{value}: {}",
            of(time, value)
        );
    }
    let local = "type: datetime, format: \"%Y-%m-%d %H:%M\", zone: Europe/Berlin";
    assert_eq!(
        of(local, "\"2026-03-29 02:30\""),
        "\"2026-03-29T01:30:00Z\"",
        "the hour that is missing"
    );
    assert_eq!(
        of(local, "\"2026-10-25 02:30\""),
        "\"2026-10-25T00:30:00Z\"",
        "the hour that is there twice"
    );
}
