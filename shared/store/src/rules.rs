//! What both implementations agree on, as functions of values.

use std::collections::HashSet;

use ferrule_core::Failure;

use crate::{Item, MAX_ITEM_BYTES, MAX_MESSAGE_BYTES, Outgoing, Query, Start, Table, When, Write};

/// Most writes in one transaction (DynamoDB's limit).
pub(crate) const MAX_WRITES: usize = 100;

/// Most bytes in one transaction (DynamoDB's limit is 4 MB).
const MAX_WRITES_BYTES: usize = 4_000_000;

/// Tells whether a row counts as absent at `now` (seconds since 1970). DynamoDB removes expired
/// rows hours later, so presence alone says nothing.
pub(crate) fn is_expired(item: &Item, now: i64) -> bool {
    item.expires.is_some_and(|expires| expires <= now)
}

/// Returns the row as it is written under `when`.
pub(crate) fn revised(mut item: Item, when: When) -> Item {
    if let When::Rev(rev) = when {
        item.rev = rev + 1;
    }
    item
}

/// Tells whether `when` holds for what is there; an expired row must already be `None`.
pub(crate) fn holds(when: When, there: Option<&Item>) -> bool {
    match when {
        When::Always => true,
        When::Absent => there.is_none(),
        When::Rev(rev) => there.is_some_and(|item| item.rev == rev),
    }
}

/// Refuses what DynamoDB would refuse: a row that is too large, an empty or too long key.
pub(crate) fn check_item(item: &Item) -> Result<(), Failure> {
    let alt = item.alt.as_deref();
    let keys = [("pk", Some(&*item.pk), 2048), ("sk", Some(&*item.sk), 1024), ("alt", alt, 1024)];
    for (name, key, max) in keys {
        let Some(key) = key else { continue };
        if key.is_empty() || key.len() > max {
            let size = key.len();
            return Err(Failure::invalid(format!(
                "{name} has {size} bytes; 1 to {max} are allowed"
            )));
        }
    }
    let size_bytes = size_bytes(item);
    if size_bytes > MAX_ITEM_BYTES {
        let reason = format!("the row has {size_bytes} bytes; at most {MAX_ITEM_BYTES} are stored");
        return Err(Failure::coded("TOO_LARGE", reason));
    }
    Ok(())
}

fn size_bytes(item: &Item) -> usize {
    let alt = item.alt.as_deref().map_or(0, str::len);
    item.pk.len() + item.sk.len() + alt + item.body.len()
}

/// Refuses what DynamoDB would refuse: too many writes, or two of the same row.
pub(crate) fn check_writes(writes: &[Write]) -> Result<(), Failure> {
    if writes.len() > MAX_WRITES {
        let count = writes.len();
        let reason = format!("{count} writes in one transaction; at most {MAX_WRITES} fit");
        return Err(Failure::coded("TOO_LARGE", reason));
    }
    let mut size_bytes = 0;
    let mut seen = HashSet::new();
    for write in writes {
        let (table, pk, sk, _) = target(write);
        if !seen.insert((table, pk, sk)) {
            return Err(Failure::invalid("a transaction cannot write the same row twice"));
        }
        if let Write::Put(_, item, _) = write {
            check_item(item)?;
            size_bytes += self::size_bytes(item);
        }
    }
    if size_bytes > MAX_WRITES_BYTES {
        let reason = format!("a transaction of {size_bytes} bytes; at most {MAX_WRITES_BYTES} fit");
        return Err(Failure::coded("TOO_LARGE", reason));
    }
    Ok(())
}

/// Returns what a write is about: table, partition key, sort key, condition.
pub(crate) fn target(write: &Write) -> (Table, &str, &str, When) {
    match write {
        Write::Put(table, item, when) => (*table, &item.pk, &item.sk, *when),
        Write::Delete(table, pk, sk, when) | Write::Check(table, pk, sk, when) => {
            (*table, pk, sk, *when)
        }
    }
}

/// Returns where a query goes on behind `last`.
pub(crate) fn start_after(last: &Item, by_alt: bool) -> Start {
    Start { sk: last.sk.clone(), alt: if by_alt { last.alt.clone() } else { None } }
}

/// Refuses what SQS would refuse: an empty or too large body, or characters it does not take.
pub(crate) fn check_message(message: &Outgoing) -> Result<(), Failure> {
    let size_bytes = message.body.len();
    if size_bytes == 0 {
        return Err(Failure::invalid("a message cannot be empty"));
    }
    if size_bytes > MAX_MESSAGE_BYTES {
        let reason = format!("the message has {size_bytes} bytes; at most {MAX_MESSAGE_BYTES} fit");
        return Err(Failure::coded("TOO_LARGE", reason));
    }
    match message.body.chars().find(|&c| !is_sendable(c)) {
        Some(c) => {
            Err(Failure::invalid(format!("SQS refuses the character {}", c.escape_unicode())))
        }
        None => Ok(()),
    }
}

/// Tells whether SQS takes the character
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>).
fn is_sendable(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        _ => c >= ' ',
    }
}

/// Tells whether no sort key can match. DynamoDB refuses such a range instead of finding nothing.
pub(crate) fn is_empty_range(query: &Query) -> bool {
    matches!((&query.from, &query.to), (Some(from), Some(to)) if from > to)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn message(body: String) -> Outgoing {
        Outgoing { body, delay: Duration::ZERO }
    }

    fn row(body: usize) -> Item {
        Item { pk: "acme".into(), sk: "a".into(), body: "x".repeat(body), ..Item::default() }
    }

    #[test]
    fn counts_a_row_as_absent_from_the_second_it_expires() {
        let item = Item { expires: Some(100), ..row(1) };
        assert!(!is_expired(&item, 99));
        assert!(is_expired(&item, 100));
        assert!(!is_expired(&row(1), i64::MAX));
    }

    #[test]
    fn takes_the_largest_row_and_refuses_one_byte_more() {
        let room = MAX_ITEM_BYTES - "acmea".len();
        assert!(check_item(&row(room)).is_ok());
        assert_eq!(check_item(&row(room + 1)).unwrap_err().code(), "TOO_LARGE");
    }

    #[test]
    fn refuses_a_transaction_that_is_too_large_in_all() {
        let put = |n: usize| {
            let item = Item { sk: n.to_string(), ..row(300_000) };
            Write::Put(Table::State, item, When::Always)
        };
        assert!(check_writes(&(0..13).map(put).collect::<Vec<_>>()).is_ok());
        let refused = check_writes(&(0..14).map(put).collect::<Vec<_>>());
        assert_eq!(refused.unwrap_err().code(), "TOO_LARGE");
    }

    #[test]
    fn refuses_keys_that_dynamodb_refuses() {
        let with_sk = |sk: String| check_item(&Item { sk, ..row(1) });
        assert!(with_sk("s".repeat(1024)).is_ok());
        assert!(with_sk("s".repeat(1025)).is_err());
        assert!(with_sk(String::new()).is_err());
        assert!(check_item(&Item { alt: Some(String::new()), ..row(1) }).is_err());
    }

    #[test]
    fn takes_the_largest_message_and_refuses_one_byte_more() {
        assert!(check_message(&message("x".repeat(MAX_MESSAGE_BYTES))).is_ok());
        let more = check_message(&message("x".repeat(MAX_MESSAGE_BYTES + 1)));
        assert_eq!(more.unwrap_err().code(), "TOO_LARGE");
        assert!(check_message(&message(String::new())).is_err());
    }

    #[test]
    fn refuses_exactly_the_characters_that_sqs_refuses() {
        let refused: Vec<char> = ('\0'..=char::MAX).filter(|&c| !is_sendable(c)).collect();
        let mut expected: Vec<char> = ('\0'..' ').filter(|c| !"\t\n\r".contains(*c)).collect();
        expected.extend(['\u{fffe}', '\u{ffff}']);
        assert_eq!(refused, expected);
        assert!(check_message(&message("fine\u{ffff}".into())).is_err());
    }
}
