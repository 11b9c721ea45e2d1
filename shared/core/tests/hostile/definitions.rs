use ferrule_core::document::{Catalog, load};

use crate::{full, integration, mapped, problems, told};

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

/// Found by made-up input: the scheduler looked for such a day through two thousand years, every minute.
#[test]
fn a_schedule_that_never_comes_is_refused() {
    let cron = |cron: &str| {
        let trigger =
            format!("trigger: {{schedule: {{cron: '{cron}'}}}}\noutput: {{connection: b}}");
        problems(cron, &integration(&trigger))
    };
    for never in ["0 0 31 2 *", "0 0 30 2 *", "0 0 31 4,6,9,11 *"] {
        assert!(cron(never).contains("never comes"), "{}", cron(never));
    }
    for rare in ["0 0 29 2 *", "0 0 31 * *", "0 0 L 2 *", "59 23 31 12 *", "0 0 13 * FRI"] {
        assert_eq!(cron(rare), "1 documents", "{rare}");
    }
}
