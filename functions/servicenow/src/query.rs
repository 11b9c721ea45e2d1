//! Encoded queries: what a person wrote, and what the hub adds.

use ferrule_connector::Failure;

/// Makes one query of the person's and the hub's own conditions, in the hub's order.
///
/// The conditions are added to each alternative (`^NQ`), or they would hold for the last only.
pub(crate) fn joined(written: Option<&str>, conditions: &[String], order: &str) -> String {
    let written = written.unwrap_or_default().trim_end_matches("^EQ");
    let alternatives: Vec<String> = written
        .split("^NQ")
        .map(|alternative| {
            let own = conditions.iter().map(String::as_str);
            let parts = Some(alternative).filter(|text| !text.is_empty()).into_iter().chain(own);
            parts.collect::<Vec<_>>().join("^")
        })
        .collect();
    let filter = alternatives.join("^NQ");
    let separator = if filter.is_empty() { "" } else { "^" };
    format!("{filter}{separator}ORDERBY{order}")
}

/// Lists the fields that a query names. Fails on a part that names none: the instance would leave
/// it out without a word.
pub(crate) fn fields(written: &str) -> Result<Vec<&str>, Failure> {
    let parts = written.split('^').filter(|part| !part.is_empty() && *part != "EQ");
    parts.map(field).collect()
}

fn field(part: &str) -> Result<&str, Failure> {
    if part.starts_with("ORDERBY") {
        return Err(Failure::coded(
            "QUERY_ORDER",
            "query: leave ORDERBY out; the hub reads in an order of its own that loses no record",
        ));
    }
    let rest = ["NQ", "OR"].iter().find_map(|prefix| part.strip_prefix(prefix)).unwrap_or(part);
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.".contains(c);
    let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
    let (name, condition) = rest.split_at(end);
    if name.is_empty() || condition.is_empty() {
        return Err(Failure::coded(
            "QUERY",
            format!("query: {part:?} is not field, operator, value (such as active=true)"),
        ));
    }
    Ok(name)
}

/// Makes conditions that find records by keys, each short enough for a URL.
///
/// `IN` separates by commas, so a key with a comma stands alone.
pub(crate) fn by_keys<'k>(
    field: &str,
    keys: &[&'k str],
    room: usize,
) -> Vec<(String, Vec<&'k str>)> {
    let (alone, many): (Vec<&str>, Vec<&str>) = keys.iter().partition(|key| key.contains(','));
    let mut found: Vec<(String, Vec<&str>)> =
        alone.into_iter().map(|key| (format!("{field}={key}"), vec![key])).collect();
    let mut chunk: Vec<&str> = Vec::new();
    let mut used = 0;
    for key in many {
        let more = encoded_len(key) + 3;
        if !chunk.is_empty() && used + more > room {
            found.push((format!("{field}IN{}", chunk.join(",")), std::mem::take(&mut chunk)));
            used = 0;
        }
        used += more;
        chunk.push(key);
    }
    if !chunk.is_empty() {
        found.push((format!("{field}IN{}", chunk.join(",")), chunk));
    }
    found
}

/// Tells why a key cannot stand in a query; `None` when it can.
pub(crate) fn unusable(key: &str) -> Option<&'static str> {
    if key.is_empty() {
        return Some("it is empty");
    }
    if key.contains('^') {
        return Some("it has a ^, which separates conditions");
    }
    if key.starts_with("javascript:") {
        return Some("the instance would run it as a script");
    }
    (key.trim() != key).then_some("it starts or ends with a space")
}

fn encoded_len(text: &str) -> usize {
    url::form_urlencoded::byte_serialize(text.as_bytes()).map(str::len).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hubs_conditions_hold_in_every_alternative() {
        let own = ["sys_id>a".to_owned()];
        let join = |written| joined(written, &own, "sys_id");
        assert_eq!(join(None), "sys_id>a^ORDERBYsys_id");
        assert_eq!(join(Some("a=1^NQb=2")), "a=1^sys_id>a^NQb=2^sys_id>a^ORDERBYsys_id");
        assert_eq!(joined(None, &[], "sys_id"), "ORDERBYsys_id");
    }

    #[test]
    fn finds_the_names_in_a_query() {
        let written = "active=true^priority<=2^ORcaller_id.emailLIKEx^NQstateIN1,2^EQ";
        assert_eq!(fields(written).unwrap(), ["active", "priority", "caller_id.email", "state"]);
        assert_eq!(fields("active=true^Bad=1").unwrap_err().code(), "QUERY");
        assert!(fields("active").is_err());
        assert_eq!(fields("active=true^ORDERBYnumber").unwrap_err().code(), "QUERY_ORDER");
    }

    #[test]
    fn keys_are_cut_to_the_room_of_a_url() {
        let keys = ["a", "b,c", "d", "e"];
        let cuts = by_keys("number", &keys, 8);
        let texts: Vec<_> = cuts.iter().map(|(text, _)| text.as_str()).collect();
        assert_eq!(texts, ["number=b,c", "numberINa,d", "numberINe"]);
        assert_eq!(cuts.iter().map(|(_, keys)| keys.len()).sum::<usize>(), 4);
    }

    #[test]
    fn a_key_that_would_change_the_query_is_not_used() {
        for key in ["", "a^b", "javascript:gs.now()", " a"] {
            assert!(unusable(key).is_some(), "{key:?}");
        }
        assert_eq!(unusable("INC0000045"), None);
    }
}
