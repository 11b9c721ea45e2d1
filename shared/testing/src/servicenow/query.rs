//! Encoded queries: `active=true^priority<=2^ORpriority=5^ORDERBYnumber`.
//!
//! As documented, a part that names an unknown field is left out **without a word**, and the rows
//! that match the rest come back.

use std::cmp::Ordering;

/// Reads the value of a field (dot-walked or not) of one row; `None` when there is no such field.
pub(super) type Lookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// What a query says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Query {
    /// Alternatives (`^NQ`), each a list of groups that must all hold, each of terms of which one
    /// must hold.
    alternatives: Vec<Vec<Vec<Term>>>,
    order: Vec<(String, bool)>,
    /// Something was left out.
    pub(super) invalid: bool,
}

#[derive(Debug, PartialEq)]
struct Term {
    field: String,
    operator: &'static str,
    value: String,
}

/// Longest first: `>=` before `>`.
const OPERATORS: [&str; 12] = [
    "NOT IN",
    "ISNOTEMPTY",
    "ISEMPTY",
    "STARTSWITH",
    "ENDSWITH",
    "LIKE",
    "IN",
    "!=",
    ">=",
    "<=",
    ">",
    "<",
];

impl Query {
    /// Reads a query; `is_field` tells which names the table knows.
    pub(super) fn parse(text: &str, is_field: &dyn Fn(&str) -> bool) -> Self {
        let mut query = Self { alternatives: vec![Vec::new()], ..Self::default() };
        for part in text.split('^').filter(|part| !part.is_empty()) {
            query.read(part, is_field);
        }
        query
    }

    fn read(&mut self, part: &str, is_field: &dyn Fn(&str) -> bool) {
        if let Some(field) = part.strip_prefix("ORDERBYDESC") {
            return self.order_by(field, true, is_field);
        }
        if let Some(field) = part.strip_prefix("ORDERBY") {
            return self.order_by(field, false, is_field);
        }
        let (part, joins) = match (part.strip_prefix("NQ"), part.strip_prefix("OR")) {
            (Some(rest), _) => {
                self.alternatives.push(Vec::new());
                (rest, false)
            }
            (_, Some(rest)) => (rest, true),
            _ => (part, false),
        };
        match Term::parse(part).filter(|term| is_field(&term.field)) {
            Some(term) => self.add(term, joins),
            None => self.invalid = true,
        }
    }

    fn add(&mut self, term: Term, joins: bool) {
        let Some(groups) = self.alternatives.last_mut() else { return };
        match groups.last_mut().filter(|_| joins) {
            Some(group) => group.push(term),
            None => groups.push(vec![term]),
        }
    }

    fn order_by(&mut self, field: &str, down: bool, is_field: &dyn Fn(&str) -> bool) {
        if is_field(field) {
            self.order.push((field.to_owned(), down));
        } else {
            self.invalid = true;
        }
    }

    /// Tells whether a row matches.
    pub(super) fn matches(&self, row: &Lookup<'_>) -> bool {
        self.alternatives
            .iter()
            .any(|groups| groups.iter().all(|group| group.iter().any(|term| term.holds(row))))
    }

    /// Puts two rows in order.
    pub(super) fn compare(&self, a: &Lookup<'_>, b: &Lookup<'_>) -> Ordering {
        let by = |(field, down): &(String, bool)| {
            let order = order(&a(field).unwrap_or_default(), &b(field).unwrap_or_default());
            if *down { order.reverse() } else { order }
        };
        self.order.iter().map(by).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }
}

impl Term {
    fn parse(text: &str) -> Option<Self> {
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.".contains(c);
        let end = text.find(|c| !is_name(c))?;
        let (field, rest) = text.split_at(end);
        let operator = OPERATORS.iter().chain(["="].iter()).find(|op| rest.starts_with(**op))?;
        let value = rest[operator.len()..].to_owned();
        (!field.is_empty()).then(|| Self { field: field.to_owned(), operator, value })
    }

    fn holds(&self, row: &Lookup<'_>) -> bool {
        let found = row(&self.field).unwrap_or_default();
        let order = order(&found, &self.value);
        match self.operator {
            "=" => found == self.value,
            "!=" => found != self.value,
            ">=" => order.is_ge(),
            "<=" => order.is_le(),
            ">" => order.is_gt(),
            "<" => order.is_lt(),
            "IN" => self.value.split(',').any(|one| one == found),
            "NOT IN" => !self.value.split(',').any(|one| one == found),
            "LIKE" => found.contains(&self.value),
            "STARTSWITH" => found.starts_with(&self.value),
            "ENDSWITH" => found.ends_with(&self.value),
            "ISEMPTY" => found.is_empty(),
            _ => !found.is_empty(),
        }
    }
}

/// Numbers as numbers, everything else (times in UTC too) as text.
fn order(a: &str, b: &str) -> Ordering {
    match (a.parse::<i64>(), b.parse::<i64>()) {
        (Ok(a), Ok(b)) => a.cmp(&b),
        _ => a.cmp(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(query: &str, number: &'static str, state: &'static str) -> bool {
        let query = Query::parse(query, &|field| ["number", "state"].contains(&field));
        query.matches(&|field| match field {
            "number" => Some(number.to_owned()),
            "state" => Some(state.to_owned()),
            _ => None,
        })
    }

    #[test]
    fn and_binds_weaker_than_or() {
        let query = "number=INC1^state=1^ORstate=2";
        assert!(matches(query, "INC1", "2"));
        assert!(!matches(query, "INC2", "2"));
        assert!(matches("number=INC1^NQstate=7", "INC9", "7"));
    }

    #[test]
    fn a_misspelt_field_matches_everything() {
        assert!(matches("numbr=INC1", "INC2", "1"));
        assert!(!matches("numbr=INC1^state=3", "INC2", "1"));
    }

    #[test]
    fn times_and_numbers_compare() {
        assert!(matches("state>=9^numberSTARTSWITHINC", "INC1", "10"));
        assert!(matches("numberININC1,INC2", "INC2", ""));
        assert!(!matches("number>=2025-01-02 00:00:00", "2025-01-01 23:59:59", ""));
    }
}
