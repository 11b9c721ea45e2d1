use ferrule_connector::Value;

use super::*;

fn field(name: &str, value: &str) -> Field {
    Field { name: name.into(), value: Value::from(value) }
}

fn change() -> Notification {
    Notification {
        kind: "config.changed".into(),
        at: 1_736_334_727_000,
        subject: "app.database.host".into(),
        title: "app.database.host was changed in prod".into(),
        fields: vec![field("Old value", "db1"), field("New value", "<!channel> & co")],
        urgency: Urgency::High,
        mentions: vec!["S0615G0KT".into()],
        ..Notification::default()
    }
}

fn text(notification: &Notification) -> String {
    serde_json::to_string(&message(notification)).unwrap()
}

/// Checks every limit that Slack has.
fn assert_fits(message: &Message) {
    let count = |text: &str| text.encode_utf16().count();
    assert!(message.blocks.len() <= BLOCKS, "{} blocks", message.blocks.len());
    assert!(count(&message.text) <= TEXT && !message.text.is_empty());
    for block in &message.blocks {
        let (texts, most): (Vec<&Text>, usize) = match block {
            Block::Header { text } => (vec![text], HEADER),
            Block::Section { text } => (vec![text], SECTION),
            Block::Fields { fields } => (fields.iter().collect(), FIELD),
            Block::Context { elements } => (elements.iter().collect(), SECTION),
        };
        assert!((1..=10).contains(&texts.len()));
        for text in texts {
            let (Text::PlainText { text, .. } | Text::Mrkdwn { text, .. }) = text;
            assert!((1..=most).contains(&count(text)), "{} of {most}: {text}", count(text));
        }
    }
    assert!(message.blocks.iter().map(Block::len).sum::<usize>() <= ALL + 200);
}

#[test]
fn a_change_says_what_was_and_what_is_and_calls_only_whom_it_should() {
    let text = text(&change());
    assert!(text.contains("🔴 app.database.host was changed in prod"), "{text}");
    assert!(text.contains("*Old value*\\n`db1`"), "{text}");
    assert!(text.contains("*New value*\\n`&lt;!channel&gt; &amp; co`"), "{text}");
    assert!(text.contains("<!subteam^S0615G0KT>") && !text.contains("<!channel>"), "{text}");
    assert!(text.contains("<!date^1736334727^"), "{text}");
    assert_fits(&message(&change()));
}

#[test]
fn what_ends_a_matter_is_marked_as_good_news() {
    let text = text(&Notification { resolved: true, ..change() });
    assert!(text.contains("✅ app.database.host") && !text.contains("🔴"), "{text}");
}

#[test]
fn no_limit_is_ever_passed() {
    let long = "<&>\u{0}😀 \n".repeat(9_000);
    let fields = (0..200).map(|at| field(&format!("{at} {long}"), &long)).collect();
    let one = Notification {
        title: long.clone(),
        text: Some(long.clone()),
        subject: long.clone(),
        kind: long.clone(),
        mentions: (0..2_000).map(|at| format!("U{at:09}")).collect(),
        fields,
        ..change()
    };
    let cut = message(&one);
    assert_fits(&cut);
    assert!(text(&one).contains("more fields"), "{}", text(&one));
    let fields = vec![field("a", "b"); 600];
    assert_fits(&message(&Notification { fields, ..change() }));
    let empty = Notification { title: String::new(), ..Notification::default() };
    assert_fits(&message(&Notification { kind: "x".into(), ..empty }));
    let one = Notification { fields: one.fields[..2].to_vec(), ..one };
    let digest = Notification { digest: vec![one; 100], ..change() };
    assert_fits(&message(&digest));
    assert!(text(&digest).contains("more_"), "{}", text(&digest));
}

#[test]
fn a_digest_is_a_list_with_a_count_and_shows_what_fits() {
    let one = Notification { title: "host changed".into(), ..change() };
    let digest =
        Notification { title: "Changes".into(), digest: vec![one; 3], ..Notification::default() };
    let text = text(&digest);
    assert!(text.contains("Changes (3)"), "{text}");
    let line = "• host changed: `db1` → `&lt;!channel&gt; &amp; co`\\n";
    assert_eq!(text.matches(line).count(), 3, "{text}");
    assert!(text.contains("<!subteam^S0615G0KT>"), "{text}");
    assert!(!text.contains(" more_"), "{text}");
}

#[test]
fn a_count_that_the_title_says_already_is_not_said_twice() {
    let title = "3 changes in prod".to_owned();
    let digest = Notification { title, digest: vec![change(); 3], ..Notification::default() };
    assert!(!text(&digest).contains("(3)"));
}
