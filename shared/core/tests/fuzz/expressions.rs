use ferrule_core::{Value, expr::Expr, path::Path, template::Template};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::{
    run::{fuzz, piece},
    sample,
};

const JQ: &str = ".¦.l¦.o¦.s¦.i¦.n¦.f¦.big¦.[]¦[¦]¦(¦)¦{¦}¦|¦,¦+¦-¦*¦/¦%¦//¦1¦0¦1e400¦\"a\"¦\"\\(¦map(¦\
    select(¦length¦keys¦add¦sort_by(¦group_by(¦?¦==¦<¦ and ¦ or ¦not¦type¦tostring¦tonumber¦\
    tojson¦fromjson¦if ¦ then ¦ else ¦ end¦ as $x | ¦$x¦try ¦ catch ¦error¦limit(3; ¦first(¦\
    test(\"a+\")¦gsub(\"a\"; \"b\")¦split(\",\")¦join(\"-\")¦to_entries¦from_entries¦\
    with_entries(¦:¦;¦-1¦[1:2]¦[-1:]¦flatten¦unique¦min¦max¦floor¦@base64¦@uri¦\
    ltrimstr(\"a\")¦ascii_downcase¦def f: ¦reduce ¦env¦range(¦..¦splits(¦\
    capture(\"(?<a>x)\")¦index(\"a\")";

#[test]
fn expressions_end_within_their_fuel() {
    let programs = prop_oneof![
        3 => vec(piece(JQ), 0..25).prop_map(|pieces| pieces.concat()),
        1 => "\\PC{0,60}",
        1 => vec(piece(JQ), 100..600).prop_map(|pieces| pieces.concat()),
    ];
    let record = sample();
    fuzz("expressions", programs, |code| {
        match Expr::compile(&code) {
            Ok(expr) => {
                let (first, all) = (expr.first(&record), expr.all(&record));
                expr.is_true(&record).ok();
                if let (Ok(first), Ok(all)) = (&first, &all) {
                    prop_assert_eq!(first.as_ref(), all.first());
                }
                let size = all.map_or(0, |all| Value::from(all).to_string().len());
                prop_assert!(size < 16 << 20, "{} bytes", size);
            }
            Err(why) => prop_assert!(!why.is_empty() && !why.contains("Token"), "{}", why),
        }
        Ok(())
    });
}

#[test]
fn texts_with_expressions_are_compiled_or_refused() {
    const PIECES: &str = "${¦}¦{¦\"¦\\¦.s¦.o¦$¦text ¦| tojson¦é¦{a: 1}";
    let texts =
        prop_oneof![vec(piece(PIECES), 0..20).prop_map(|pieces| pieces.concat()), "\\PC{0,60}"];
    let record = sample();
    fuzz("templates", texts, |text| {
        if let Ok(template) = Template::compile(&text) {
            let rendered = template.render(&record);
            prop_assert!(
                rendered.is_err() || rendered.as_ref().is_ok_and(|text| text.len() < 40_000)
            );
            if !text.contains("${") {
                prop_assert_eq!(rendered.unwrap(), text);
            }
        }
        Ok(())
    });
}

#[test]
fn paths_are_read_or_refused() {
    const PIECES: &str = ".¦[¦]¦\"¦\\¦a¦o¦l¦0¦-1¦99999999999999999999¦é¦_¦ ¦\\u0041";
    let record = sample();
    fuzz(
        "paths",
        prop_oneof![vec(piece(PIECES), 0..15).prop_map(|p| p.concat()), "\\PC{0,30}"],
        |text| {
            if let Ok(path) = Path::parse(&text) {
                path.find(&record);
                prop_assert_eq!(path.as_str(), text);
            }
            Ok(())
        },
    );
}
