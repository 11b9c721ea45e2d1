use ferrule_core::{
    Value,
    engine::Verdict,
    expr::Expr,
    json,
    pattern::{Index, Patterns},
    template::Template,
};

use crate::{engine, integration, mapped, soon};

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
