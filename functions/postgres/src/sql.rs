//! Pieces of SQL: names are quoted, values are bound.

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{Format, IsNull, ToSql, Type, to_sql_checked};

/// A value on its way to the server as text: the server reads it as the column's type wants it.
#[derive(Debug)]
pub(crate) struct Text<'t>(pub(crate) &'t str);

impl ToSql for Text<'_> {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.put_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

/// Pairs values with "whatever the place in the statement needs".
pub(crate) fn bound<'t>(values: &'t [Text<'t>]) -> Vec<(&'t (dyn ToSql + Sync), Type)> {
    values.iter().map(|value| (value as &(dyn ToSql + Sync), Type::UNKNOWN)).collect()
}

/// Quotes a name.
pub(crate) fn name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Quotes names, each with `prefix` before it, and joins them by commas.
pub(crate) fn list<'n>(prefix: &str, names: impl IntoIterator<Item = &'n str>) -> String {
    let quoted = names.into_iter().map(|one| format!("{prefix}{}", name(one)));
    quoted.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_quotes() {
        assert_eq!(name("a"), r#""a""#);
        assert_eq!(name(r#"x"; drop table t; --"#), r#""x""; drop table t; --""#);
        assert_eq!(list("i.", ["a", "B c"]), r#"i."a", i."B c""#);
    }
}
