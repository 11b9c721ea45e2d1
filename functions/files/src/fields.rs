//! Splits one row of a CSV file into its values.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};

use crate::format::Dialect;
use crate::frame::Problem;

/// Splits rows into values.
pub(crate) struct Fields {
    dialect: Dialect,
    reader: Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Fields {
    /// Makes a splitter for files of this dialect.
    pub(crate) fn new(dialect: Dialect) -> Self {
        let mut builder = ReaderBuilder::new();
        builder.delimiter(dialect.delimiter).terminator(Terminator::CRLF);
        match dialect.quote {
            Some(quote) => builder.quote(quote),
            None => builder.quoting(false),
        };
        let (text, ends) = (vec![0; 1024], vec![0; 64]);
        let mut fields = Self { dialect, reader: builder.build(), text, ends };
        // The reader drops a byte order mark before its first row; by now there is none to drop.
        fields.reader.read_record(b"\n", &mut fields.text, &mut fields.ends);
        fields
    }

    /// Splits one row, given without its line end.
    pub(crate) fn read(&mut self, row: &[u8]) -> Result<Vec<&str>, Problem> {
        let (mut used, mut written, mut count) = (0, 0, 0);
        let mut rest = row;
        loop {
            let (text, ends) = (&mut self.text[written..], &mut self.ends[count..]);
            let (result, read, more, ended) = self.reader.read_record(rest, text, ends);
            (written, count) = (written + more, count + ended);
            used += read;
            rest = if used < row.len() { &row[used..] } else { b"\n" };
            match result {
                ReadRecordResult::InputEmpty if used > row.len() => {
                    *self = Self::new(self.dialect);
                    let message = "the row does not end where its line ends".to_owned();
                    return Err(Problem::new("CSV_QUOTE", message));
                }
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.text.resize(self.text.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::Record | ReadRecordResult::End => break,
            }
        }
        self.split(written, count)
    }

    fn split(&self, written: usize, count: usize) -> Result<Vec<&str>, Problem> {
        let torn = || Problem::new("ENCODING", "a value is not valid UTF-8".to_owned());
        let text = std::str::from_utf8(&self.text[..written]).map_err(|_| torn())?;
        let mut start = 0;
        let mut fields = Vec::with_capacity(count);
        for &end in &self.ends[..count] {
            fields.push(text.get(start..end).ok_or_else(torn)?);
            start = end;
        }
        Ok(fields)
    }
}
