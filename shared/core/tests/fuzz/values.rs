use std::time::{Duration, Instant};

use ferrule_core::{
    Value,
    document::{Catalog, Document, load},
    duration::Span,
    engine::{Engine, Verdict},
    json,
    pattern::{Index, Patterns},
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::run::fuzz;

/// A pattern as a regular expression says it.
fn naive(pattern: &str, key: &str) -> bool {
    let parts: Vec<String> = pattern.split('*').map(regex::escape).collect();
    regex::Regex::new(&format!("(?s)^(?:{})$", parts.join(".*"))).unwrap().is_match(key)
}

#[test]
fn patterns_match_what_regular_expressions_match() {
    let lists = vec(vec("!?[ab.é*]{1,8}", 1..4), 1..6);
    fuzz("patterns", (lists, "[ab.é]{0,12}"), |(lists, key)| {
        let read: Vec<_> =
            lists.iter().filter_map(|list| Some((list, Patterns::new(list).ok()?))).collect();
        let index = Index::new(read.iter().map(|(_, patterns)| patterns)).unwrap();
        let found = index.matching(&key);
        for (at, (list, patterns)) in read.iter().enumerate() {
            let with = list.iter().any(|one| !one.starts_with('!') && naive(one, &key));
            let without =
                list.iter().filter_map(|one| one.strip_prefix('!')).any(|one| naive(one, &key));
            prop_assert_eq!(patterns.matches(&key), with && !without, "{:?} {}", list, key);
            prop_assert_eq!(found.contains(&at), with && !without, "{:?} {}", list, key);
        }
        Ok(())
    });
}

#[test]
fn durations_are_read_as_they_are_written() {
    fuzz("durations", prop_oneof!["[0-9]{0,22}[smhd]?", "\\PC{0,8}"], |text| {
        if let Ok(span) = Span::try_from(text) {
            prop_assert_eq!(Span::try_from(span.to_string()), Ok(span));
        }
        Ok(())
    });
}

fn column(rule: &str) -> Option<Engine> {
    let text = format!(
        "apiVersion: ferrule/v1\nkind: Integration\nmetadata: {{name: x}}\nsource: {{connection: a}}\n\
         map: {{t: {{from: .a, {rule}}}}}\noutput: {{connection: b}}"
    );
    let documents = load(&text, &Catalog::new()).ok()?;
    let Document::Integration(integration) = documents.into_iter().next()? else { return None };
    Engine::compile(&integration).ok()
}

#[test]
fn values_are_converted_or_refused() {
    const RULES: &[&str] = &[
        "type: int",
        "type: decimal",
        "type: bool",
        "type: text",
        "type: datetime",
        "type: date",
        "type: epoch",
        "type: json",
        "type: datetime, format: '%d-%m-%Y %H:%M', zone: Europe/Berlin",
        "type: datetime, format: '%s'",
        "split: ',', take: -2",
        "trim: true, lower: true, max: 3",
        "min: -1e400, max: 1e400",
        "pattern: '^a+$'",
        "type: date, format: '%Y%m%d'",
    ];
    let value = prop_oneof![
        "-?[0-9]{1,30}(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,12})?",
        "\"-?[0-9]{1,6}-[0-9]{1,2}-[0-9]{1,2}([T ][0-9:.]{0,12}(Z|[+-][0-9:]{1,6})?)?\"",
        "\"[0-9]{1,2}-[0-9]{1,2}-[0-9]{1,6} [0-9]{1,2}:[0-9]{1,2}\"",
        any::<String>().prop_map(|text| Value::from(text).to_string()),
        select(
            &[
                "null",
                "true",
                "[]",
                "{}",
                "[1,\"a\"]",
                "\"\"",
                "\"[1,\"",
                "1e400",
                "\"1e999999999\""
            ][..]
        )
        .prop_map(str::to_owned),
    ];
    let engines: Vec<(&str, Engine)> =
        RULES.iter().map(|rule| (*rule, column(rule).unwrap())).collect();
    fuzz("values", value, |value| {
        let Ok(record) = json::parse(format!("{{\"a\":{value}}}").as_bytes()) else {
            return Ok(());
        };
        for (rule, engine) in &engines {
            match engine.apply(&record) {
                Verdict::Mapped(row) => drop(row.value.to_string()),
                Verdict::Refused(why) => {
                    prop_assert!(why.message.len() < 2_000, "{} {}", rule, value);
                }
                Verdict::Ignored => prop_assert!(false, "{} {}", rule, value),
            }
        }
        Ok(())
    });
}

#[test]
fn schedules_end_their_search() {
    let field = || {
        prop_oneof![
            4 => Just("*".to_owned()),
            2 => "[0-9]{1,2}",
            1 => "[0-9]{1,2}-[0-9]{1,2}(/[0-9]{1,3})?",
            1 => select(&["L", "31", "30", "29", "MON#5", "FRIL", "15W", "LW", "*/61", "?", "1,2,3", "JAN-DEC"][..]).prop_map(str::to_owned),
        ]
    };
    let cron = vec(field(), 3..7).prop_map(|fields| fields.join(" "));
    let fields = prop_oneof![cron, Just("0 0 31 2 *".to_owned()), "[0-9*/,LW# -]{0,20}"];
    let now: jiff::Zoned = "2026-11-22T12:00:00[Europe/Berlin]".parse().unwrap();
    fuzz("schedules", fields, |cron| {
        let text = format!(
            "apiVersion: ferrule/v1\nkind: Integration\nmetadata: {{name: x}}\n\
             trigger: {{schedule: {{cron: '{cron}'}}}}\nsource: {{connection: a}}\n\
             output: {{connection: b}}"
        );
        if load(&text, &Catalog::new()).is_ok() {
            let (started, cron) = (Instant::now(), cron.parse::<croner::Cron>().unwrap());
            prop_assert!(cron.find_previous_occurrence(&now, true).is_ok(), "{}", text);
            prop_assert!(started.elapsed() < Duration::from_millis(500), "{}", text);
        }
        Ok(())
    });
}
