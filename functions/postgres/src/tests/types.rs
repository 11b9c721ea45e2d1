//! Every type comes out exact and goes in again as the same.

use ferrule_core::definition::Mode;
use serde_json::json;

use super::{Desk, exact, refusal};

const TABLE: &str = "create type mood as enum ('calm', 'cross'); \
    create type spot as (x int, label text); \
    create domain percent as numeric(5,2) check (value between 0 and 100); \
    create table original (id bigint primary key, small smallint, big bigint, exact numeric, \
      money numeric(30,10), single real, double double precision, flag boolean, \
      words text, code varchar(5), padded char(4), raw bytea, at timestamptz, local timestamp, \
      day date, clock time, zoned timetz, span interval, uid uuid, doc json, docb jsonb, \
      list int[], names text[], grid numeric[][], times timestamptz[], blobs bytea[], \
      mood mood, moods mood[], place spot, share percent, address inet, net cidr, mac macaddr, \
      bits bit varying, spread int4range, find tsvector, point point, page xml, \"Odd \"\"Name\" text)";

const ROWS: &str = r#"insert into original values
  (9007199254740993, -32768, 9223372036854775807, 12345678901234567890123456789.000100,
   1.0000000001, 0.1, 1e-300, true, E'tab\t"quote" \\ \u00e9 🦀', 'abcde', 'x', '\x00ff10',
   '2016-02-29 01:16:00.123456+02', '2016-02-29 01:16:00.5', '0044-03-15 BC', '23:59:59.999999',
   '12:00:00+05:30', '1 year 2 mons 3 days 04:05:06.789', '2d1f4f4e-0c35-4b9e-8d1a-0a52a4c9d6f3',
   '{"b":1.10,"a":[1,null]}', '{"b": 12345678901234567890.5, "a": null}', '{1,null,-3}',
   array['a,b','"q"','null',null,''], '{{1.0,2.50},{3,4}}', '{"2016-02-29 01:16:00+00"}',
   array['\xdead'::bytea], 'calm', '{cross,calm}', '(1,"a ""b""")', 99.50, '10.0.0.1/8',
   '10.1.0.0/16', '08:00:2b:01:02:03', B'10101', '[1,5)', 'a fat cat'::tsvector, '(1.5,2)',
   '<a>b</a>', 'odd'),
  (2, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
   null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
   null, null, null, null, null, null, null),
  (3, 0, -9223372036854775808, 'NaN', -0.5, 'NaN', '-Infinity', false, '', '', '', '',
   'infinity', '-infinity', 'infinity', '00:00', '00:00+00', '-1 day', null, '[]', '"text"',
   '{}', '{}', '{}', '{}', '{}', 'cross', '{}', '(,)', 0, '::1', '::/0', null, B'', 'empty', '',
   null, null, null)"#;

#[tokio::test]
async fn every_type_is_read_exactly_and_written_back_as_the_same() {
    let Some(desk) = Desk::new("every_type", TABLE) else { return };
    desk.sql(ROWS);
    desk.sql("create table copy (like original including all)");
    let (records, _) = desk.read(json!({"table": "original"}), None, None).await;
    assert_eq!(records.len(), 3);
    let text = records.iter().map(|r| r.value.to_string()).collect::<Vec<_>>().join("\n");
    for part in [
        r#""id":9007199254740993"#,
        r#""big":9223372036854775807"#,
        r#""exact":12345678901234567890123456789.000100"#,
        r#""money":1.0000000001"#,
        r#""single":0.1,"double":1e-300,"flag":true"#,
        r#""padded":"x   ","raw":"\\x00ff10","at":"2016-02-28T23:16:00.123456+00:00""#,
        r#""local":"2016-02-29T01:16:00.5","day":"0044-03-15 BC","clock":"23:59:59.999999""#,
        r#""span":"P1Y2M3DT4H5M6.789S""#,
        r#""doc":{"b":1.10,"a":[1,null]}"#,
        r#""a":null,"b":12345678901234567890.5"#,
        r#""list":[1,null,-3],"names":["a,b","\"q\"","null",null,""],"grid":[[1.0,2.50],[3,4]]"#,
        r#""blobs":["\\xdead"],"mood":"calm","moods":["cross","calm"]"#,
        r#""place":{"x":1,"label":"a \"b\""},"share":99.50,"address":"10.0.0.1/8""#,
        r#""exact":"NaN","#,
        r#""Odd \"Name":"odd""#,
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let target = || json!({"table": "copy"});
    let first = desk.push(target(), Mode::Upsert, &records).await;
    assert!(first.iter().all(|one| format!("{one:?}") == "Created"), "{first:?}");
    let same = "select count(*) from original o join copy c using (id) where o.* *= c.*";
    assert_eq!(desk.sql(same), "3", "{}", desk.sql("select * from copy"));
    let second = desk.push(target(), Mode::Upsert, &records).await;
    assert!(second.iter().all(|one| format!("{one:?}") == "Unchanged"), "{second:?}");
}

#[tokio::test]
async fn a_json_scalar_goes_into_a_column_of_any_type() {
    let table = "create table t (id int primary key, n numeric, i int, b boolean, s text, \
                 d date, j jsonb, u uuid)";
    let Some(desk) = Desk::new("any_scalar", table) else { return };
    let records = [
        exact(r#"{"id":"1","n":"0.10","i":"42","b":"yes","s":5,"d":"2024-02-29","j":"text"}"#),
        exact(r#"{"id":2,"n":1e2,"i":7.0,"b":true,"s":true,"d":"20240229","j":5}"#),
        exact(r#"{"id":3,"n":123456789012345678901234567890.5,"s":{"a":1},"j":{"a":[1.50]}}"#),
    ];
    let outcome = desk.push(json!({"table": "t"}), Mode::Upsert, &records).await;
    assert_eq!(refusal(&outcome[1]).0, "BAD_VALUE", "7.0 is no integer: {outcome:?}");
    assert!(refusal(&outcome[1]).1.contains("column i:"), "{outcome:?}");
    let rows = desk.sql("select * from t order by id");
    assert_eq!(
        rows,
        "1|0.10|42|t|5|2024-02-29|\"text\"|\n\
         3|123456789012345678901234567890.5|||{\"a\":1}||{\"a\": [1.50]}|"
    );
}
