//! Every shape of every hint.

use http::{HeaderName, HeaderValue};
use proptest::{prop_assert, prop_assert_eq};

use super::*;
use crate::fuzz::{fuzz, piece, spoilt};

const NOW_MS: i64 = 1_700_000_000_000;

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&str, &str)| {
        (HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap())
    };
    pairs.iter().map(pair).collect()
}

fn hint(headers: &HeaderMap) -> Option<Duration> {
    Hints::new(headers, RateHeaders::USUAL, NOW_MS).wait()
}

fn exhausted(headers: &HeaderMap) -> Option<Duration> {
    Hints::new(headers, RateHeaders::USUAL, NOW_MS).exhausted()
}

fn wait(name: &str, value: &str) -> Option<u64> {
    let wait = hint(&headers(&[(name, value)]))?;
    Some(u64::try_from(wait.as_millis()).unwrap())
}

#[test]
fn reads_every_shape_of_retry_after() {
    for (text, millis) in [
        ("7", Some(7_000)),
        (" 1.5 ", Some(1_500)),
        ("0", Some(0)),
        ("-5", Some(0)),
        ("1000000000", Some(43_200_000)),
        ("1e300", Some(43_200_000)),
        ("Tue, 14 Nov 2023 22:13:50 GMT", Some(30_000)),
        ("Tue, 14 Nov 2023 22:13:10 GMT", Some(0)),
        ("Wed, 14 Nov 2035 22:13:10 GMT", Some(43_200_000)),
        ("soon", None),
        ("NaN", None),
        ("", None),
    ] {
        assert_eq!(wait("retry-after", text), millis, "{text}");
    }
    assert_eq!(hint(&HeaderMap::new()), None);
}

#[test]
fn tells_five_meanings_of_reset_apart() {
    assert_eq!(wait("x-ratelimit-reset-after", "1.25"), Some(1_250));
    assert_eq!(wait("x-ratelimit-reset", "1700000030"), Some(30_000));
    assert_eq!(wait("x-ratelimit-reset", "1700000030.5"), Some(30_500));
    assert_eq!(wait("x-rate-limit-reset", "1700000030000"), Some(30_000));
    assert_eq!(wait("x-ratelimit-reset", "2023-11-14T22:14Z"), Some(40_000));
    assert_eq!(wait("ratelimit-reset", "41"), Some(41_000));
}

#[test]
fn compares_with_the_vendors_own_clock() {
    let skewed = headers(&[
        ("date", "Tue, 14 Nov 2023 23:13:20 GMT"),
        ("x-rate-limit-remaining", "0"),
        ("x-rate-limit-reset", "1700003630"),
    ]);
    assert_eq!(hint(&skewed), Some(Duration::from_secs(30)));
    assert_eq!(exhausted(&skewed), Some(Duration::from_secs(30)));
}

#[test]
fn is_exhausted_only_when_nothing_remains() {
    let with = |left| headers(&[("ratelimit-remaining", left), ("ratelimit-reset", "9")]);
    assert_eq!(exhausted(&with("0")), Some(Duration::from_secs(9)));
    assert_eq!(exhausted(&with("1")), None);
    let about = |headers| Hints::new(&headers, RateHeaders::USUAL, NOW_MS).is_about_rate();
    assert!(about(with("0")));
    assert!(!about(with("5")));
}

#[test]
fn what_is_used_says_what_remains() {
    let with = |used| {
        headers(&[
            ("x-ratelimit-limit", "60"),
            ("x-ratelimit-used", used),
            ("x-ratelimit-reset", "9"),
        ])
    };
    assert_eq!(exhausted(&with("60")), Some(Duration::from_secs(9)));
    assert_eq!(exhausted(&with("59")), None);
}

#[test]
fn reads_a_vendors_own_headers_in_the_meaning_that_it_gives_them() {
    for (reset_is, text, secs) in [
        ("any", "1700000030", Some(30.0)),
        ("epoch_seconds", "1700000030.5", Some(30.5)),
        ("epoch_seconds", "30", Some(0.0)),
        ("epoch_millis", "1700000030000", Some(30.0)),
        ("seconds_left", "1.5", Some(1.5)),
        ("seconds_left", "1700000030", Some(43_200.0)),
        ("text", "2023-11-14T22:14:00Z", Some(40.0)),
        ("text", "Tue, 14 Nov 2023 22:13:50 GMT", Some(30.0)),
        ("text", "30", None),
        ("seconds_left", "soon", None),
    ] {
        let names =
            format!(r#"{{"remaining": "X-Left", "reset": "X-Again", "reset_is": "{reset_is}"}}"#);
        let names: RateHeaders = serde_json::from_str(&names).unwrap();
        let own = headers(&[
            ("x-left", "0"),
            ("x-again", text),
            ("x-ratelimit-remaining", "5"),
            ("x-ratelimit-reset-after", "7"),
        ]);
        let wait = Hints::new(&own, &names, NOW_MS).exhausted();
        assert_eq!(wait.map(|wait| wait.as_secs_f64()), secs, "{reset_is} {text}");
    }
}

#[test]
fn a_named_retry_after_stands_in_for_the_usual_one() {
    let names = RateHeaders { retry_after: Some("X-Backoff".into()), ..RateHeaders::default() };
    let own = headers(&[("x-backoff", "12"), ("retry-after", "7")]);
    let hints = Hints::new(&own, &names, NOW_MS);
    assert_eq!(hints.wait(), Some(Duration::from_secs(12)));
    assert!(hints.is_about_rate());
    let usual = headers(&[("retry-after", "7")]);
    assert!(!Hints::new(&usual, &names, NOW_MS).is_about_rate());
}

#[test]
fn a_name_that_no_header_can_have_is_found() {
    let names = RateHeaders { limit: Some("X Limit".into()), ..RateHeaders::default() };
    assert_eq!(names.misnamed(), Some("X Limit"));
    assert_eq!(RateHeaders::USUAL.misnamed(), None);
}

/// What is waited is what was asked for, and never longer than half a day.
#[test]
fn no_header_makes_it_wait_longer_than_half_a_day() {
    const NAMES: &str = "retry-after¦x-ratelimit-reset¦x-ratelimit-reset-after¦date¦ratelimit-limit¦\
        x-ratelimit-remaining¦x-ratelimit-used¦zendesk-ratelimit-reset";
    let good = ["7", "1.5", "Tue, 14 Nov 2023 22:13:50 GMT", "2023-11-14T22:14Z", "1700000030"];
    let good = good.map(|text| text.as_bytes().to_vec()).to_vec();
    let pieces = "-¦+¦.¦e9¦e400¦0¦9999999999¦NaN¦inf¦ GMT¦T¦Z¦:¦,¦ ¦\t¦é";
    let header = (piece(NAMES), spoilt(good, pieces));
    fuzz("waits", proptest::collection::vec(header, 0..4), |pairs| {
        let mut sent = HeaderMap::new();
        for (name, text) in pairs {
            let Ok(value) = HeaderValue::from_bytes(&text) else { return Ok(()) };
            sent.append(name, value);
        }
        for wait in [hint(&sent), exhausted(&sent)].into_iter().flatten() {
            prop_assert!(wait <= LONGEST, "{:?}", sent);
        }
        Ok(())
    });
}

/// Case 3: never before the moment that was named, in seconds or as a date.
#[test]
fn a_wait_is_exactly_what_was_asked_for() {
    let most = i64::try_from(LONGEST.as_secs()).unwrap();
    fuzz(
        "Retry-After",
        proptest::prop_oneof![-100..2 * most, proptest::prelude::any::<i64>()],
        |secs| {
            let wanted = u64::try_from(secs.clamp(0, most)).unwrap() * 1000;
            prop_assert_eq!(wait("retry-after", &secs.to_string()), Some(wanted));
            let now = u64::try_from(NOW_MS / 1000).unwrap();
            let at = now.saturating_add_signed(secs.clamp(-100, 2 * most));
            let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(at));
            let wanted = (at.saturating_sub(now) * 1000).min(LONGEST.as_secs() * 1000);
            prop_assert_eq!(wait("retry-after", &date), Some(wanted), "{}", date);
            Ok(())
        },
    );
}
