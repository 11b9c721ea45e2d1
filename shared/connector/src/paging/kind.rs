//! The kinds of paging, as operators write them.

use schemars::JsonSchema;
use serde::Deserialize;

/// How to ask for the next page, and how to see that there is none.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Paging {
    /// One page is all.
    #[default]
    None,
    /// The answer names a cursor, which goes into a parameter.
    Cursor(Cursor),
    /// A `Link` header with `rel="next"`.
    LinkHeader,
    /// The answer's body holds the address of the next page.
    LinkInBody(LinkInBody),
    /// So many records are left out. Ends with an empty page, or at the total.
    Offset(Offset),
    /// Pages have numbers. Ends with an empty page, or with the last number.
    Page(PageNumber),
    /// Records behind the last one seen, by a field that the source sorts by.
    Keyset(Keyset),
}

/// Where a cursor is found, and where it goes.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// Path of the cursor in the answer, such as `.meta.next_cursor`.
    pub from: String,
    /// Parameter that takes it.
    pub param: String,
    /// Path of a truth value: whether there is more.
    #[serde(default)]
    pub more: Option<String>,
    /// Parameter that takes the number of records wanted.
    #[serde(default)]
    pub size_param: Option<String>,
}

/// Where the address of the next page is found.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkInBody {
    /// Path of the address in the answer, such as `.links.next`.
    pub from: String,
}

/// How records are left out.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Offset {
    /// Parameter that takes the number of records to leave out.
    pub param: String,
    /// Parameter that takes the number of records wanted.
    #[serde(default)]
    pub size_param: Option<String>,
    /// Path of the number of all records in the answer.
    #[serde(default)]
    pub total: Option<String>,
}

/// How pages are numbered.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PageNumber {
    /// Parameter that takes the number of the page.
    pub param: String,
    /// Number of the first page.
    #[serde(default = "one")]
    pub first: i64,
    /// Parameter that takes the number of records wanted.
    #[serde(default)]
    pub size_param: Option<String>,
    /// Path of the number of pages in the answer.
    #[serde(default)]
    pub pages: Option<String>,
}

/// How the last record seen is named.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Keyset {
    /// Path of the field within a record.
    pub field: String,
    /// Parameter that takes the last value seen.
    pub param: String,
    /// Parameter that takes the number of records wanted.
    #[serde(default)]
    pub size_param: Option<String>,
}

fn one() -> i64 {
    1
}
