//! Records as rows of a CSV file.

use ferrule_connector::{Failure, Object, Record, Value};

use crate::encode::Unfit;
use crate::format::{Csv, Dialect};

/// What a spreadsheet takes for the beginning of a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Columns and how they are written.
pub(crate) struct Sheet {
    dialect: Dialect,
    columns: Vec<String>,
    escape_formulas: bool,
}

impl Sheet {
    /// Takes the columns that are named, else every key of the records in order of appearance.
    pub(crate) fn new(csv: &Csv, name: &str, records: &[Record]) -> Result<Self, Failure> {
        let mut columns = csv.columns.clone();
        if columns.is_empty() {
            let mut known = std::collections::HashSet::new();
            let keys = records.iter().filter_map(|record| record.value.as_object());
            for (key, _) in keys.flat_map(Object::iter) {
                if known.insert(key) {
                    columns.push(key.to_owned());
                }
            }
        }
        let dialect = csv.dialect(name)?;
        Ok(Self { dialect, columns, escape_formulas: csv.escape_formulas })
    }

    /// Returns the first row, when there is one.
    pub(crate) fn header(&self) -> String {
        if !self.dialect.header {
            return String::new();
        }
        let names: Vec<_> = self.columns.iter().map(|name| self.quoted(name)).collect();
        names.join(&self.delimiter()) + "\r\n"
    }

    /// Returns a record as a row, without its line end.
    pub(crate) fn row(&self, record: &Object) -> Result<String, Unfit> {
        if let Some((key, _)) =
            record.iter().find(|(key, _)| !self.columns.iter().any(|c| c == key))
        {
            return Err(("CSV_COLUMNS", format!("{key:?} is none of the `columns`")));
        }
        let mut row = String::new();
        for (at, column) in self.columns.iter().enumerate() {
            if at > 0 {
                row.push_str(&self.delimiter());
            }
            let text = self.text(record.get(column).unwrap_or(&Value::Null));
            if self.dialect.quote.is_none() && self.needs_quotes(&text) {
                let text = format!("{column:?} needs quotes, which are turned off");
                return Err(("CSV_QUOTE", text));
            }
            row.push_str(&self.quoted(&text));
        }
        Ok(row)
    }

    fn delimiter(&self) -> String {
        char::from(self.dialect.delimiter).to_string()
    }

    fn text(&self, value: &Value) -> String {
        match value {
            Value::Null => String::new(),
            Value::String(text) if self.escape_formulas && text.starts_with(FORMULA) => {
                format!("'{text}")
            }
            Value::String(text) => text.to_string(),
            other => other.to_string(),
        }
    }

    /// An empty value stands in quotes when it is alone: an empty line is no row.
    fn needs_quotes(&self, text: &str) -> bool {
        let special = |byte: u8| {
            matches!(byte, b'\r' | b'\n')
                || byte == self.dialect.delimiter
                || Some(byte) == self.dialect.quote
        };
        text.bytes().any(special)
            || (text.is_empty() && self.columns.len() == 1)
            || text.starts_with('\u{FEFF}')
    }

    fn quoted(&self, text: &str) -> String {
        match self.dialect.quote.map(char::from) {
            Some(quote) if self.needs_quotes(text) => {
                let doubled = text.replace(quote, &format!("{quote}{quote}"));
                format!("{quote}{doubled}{quote}")
            }
            _ => text.to_owned(),
        }
    }
}
