//! What an operator writes about an API, a source and a target.

use std::{collections::BTreeMap, num::NonZeroU32};

use ferrule_connector::{CAP_BYTES, RateHeaders, Timeouts, Value, auth::Scheme, paging::Paging};
use ferrule_core::{definition::ErrorRule, duration::Span};
use schemars::JsonSchema;
use serde::Deserialize;

/// One API.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Address in front of every path, such as `https://api.example.com/v2`.
    pub base_url: String,
    /// Path that a check of the connection reads. The base address itself when absent.
    #[serde(default)]
    pub check: Option<String>,
    /// What is the same for everyone who uses this vendor.
    #[serde(default)]
    pub profile: Profile,
}

/// The answer is in memory as a whole, and as values it takes a multiple of that.
const MOST_BYTES: usize = 4 * CAP_BYTES;

/// Facts about a vendor, as data.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Profile {
    /// How calls are signed in.
    pub auth: Scheme,
    /// Headers of every call.
    #[schemars(extend(
        "propertyNames" = {"pattern": "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"},
        "additionalProperties" = {"type": "string", "pattern": "^[^\\x00-\\x08\\x0a-\\x1f\\x7f]*$"}
    ))]
    pub headers: BTreeMap<String, String>,
    /// How sources are read page by page, unless the source says otherwise.
    pub paging: Paging,
    /// What an answer means, behind the integration's own rules.
    pub errors: Vec<ErrorRule>,
    /// Which headers of an answer tell about the rate of calls.
    pub rate_headers: RateHeaders,
    /// How long a call may take.
    pub timeouts: Patience,
    /// Most bytes of an answer, unpacked; 16 MiB when absent, at most 64 MiB.
    #[schemars(range(max = 67_108_864))]
    pub max_bytes: Option<u32>,
}

/// How long each part of a call may take.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Patience {
    /// Until the connection stands; 5 s when absent.
    pub connect: Option<Span>,
    /// From there until the answer begins; 20 s when absent.
    pub first_byte: Option<Span>,
    /// Between two parts of the answer; 10 s when absent.
    pub idle: Option<Span>,
    /// All in all; 40 s when absent.
    pub total: Option<Span>,
}

impl Profile {
    pub(crate) fn timeouts(&self) -> Timeouts {
        let usual = Timeouts::default();
        let or = |span: Option<Span>, usual| span.map_or(usual, Span::duration);
        Timeouts {
            connect: or(self.timeouts.connect, usual.connect),
            first_byte: or(self.timeouts.first_byte, usual.first_byte),
            idle: or(self.timeouts.idle, usual.idle),
            total: or(self.timeouts.total, usual.total),
        }
    }

    pub(crate) fn cap_bytes(&self) -> usize {
        let bytes = self.max_bytes.and_then(|bytes| usize::try_from(bytes).ok());
        bytes.map_or(CAP_BYTES, |bytes| bytes.min(MOST_BYTES))
    }
}

/// What is read.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Path behind the base address, such as `/items`.
    pub path: String,
    /// How it is asked for.
    #[serde(default)]
    pub method: Ask,
    /// Parameters of the query.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// Headers, beside the profile's.
    #[serde(default)]
    #[schemars(extend(
        "propertyNames" = {"pattern": "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"},
        "additionalProperties" = {"type": "string", "pattern": "^[^\\x00-\\x08\\x0a-\\x1f\\x7f]*$"}
    ))]
    pub headers: BTreeMap<String, String>,
    /// Body of a POST. Parameters of paging and `since` then go into it, not into the query.
    #[serde(default)]
    pub body: Option<Value>,
    /// What the answer is written in.
    #[serde(default)]
    pub format: Format,
    /// Path of the records in the answer, such as `.data.items`: a list, or one record.
    #[serde(default = "whole")]
    pub records: String,
    /// How it is read page by page; as the profile says when absent.
    #[serde(default)]
    pub paging: Option<Paging>,
    /// Records a page, at most 1,000.
    #[serde(default)]
    pub page_size: Option<u16>,
    /// Most pages of one run, 100,000 when absent. A list that goes on beyond it fails the run.
    #[serde(default)]
    pub max_pages: Option<NonZeroU32>,
    /// How only changed records are asked for. Without it all are read, and the hub leaves out
    /// what it has seen.
    #[serde(default)]
    pub since: Option<Since>,
    /// Ask with `If-None-Match` and `If-Modified-Since`, and keep answers of up to 256 KiB for a
    /// week, so that an unchanged page is not sent again.
    #[serde(default)]
    pub conditional: bool,
    /// What is looked up for each record; kept for a quarter of an hour.
    #[serde(default)]
    pub lookups: Vec<Reference>,
}

fn whole() -> String {
    ".".to_owned()
}

/// How a source is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// GET.
    #[default]
    Get,
    /// POST, for searches.
    Post,
}

/// What bodies are written in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// JSON.
    #[default]
    Json,
    /// One JSON value a line.
    JsonLines,
    /// XML: attributes are `@name`, text beside them is `#text`, repeats are lists.
    Xml,
}

/// How only changed records are asked for.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Since {
    /// Parameter that takes the bound; left out when there is none.
    pub param: String,
    /// `strftime` format of a time, or `unix` or `unix_ms`. ISO 8601 when absent.
    #[serde(default)]
    pub format: Option<String>,
    /// Text around it, such as `updated >= "{since}"`.
    #[serde(default)]
    pub template: Option<String>,
}

/// Something that a record names and another path knows.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// Path with fields of the record in braces, such as `/users/{.caller.id}`.
    pub path: String,
    /// Key of the record that takes what was found; `null` when it is not there.
    pub into: String,
    /// Path within the answer.
    #[serde(default = "whole")]
    pub take: String,
}

/// What is written.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Path behind the base address. `{key}` is the record's key, `{.a.b}` a field of it.
    pub path: String,
    /// How it is written: PUT for an upsert, PATCH for an update when absent. An insert is a POST
    /// and a delete a DELETE.
    #[serde(default)]
    pub method: Option<Write>,
    /// Headers, beside the profile's.
    #[serde(default)]
    #[schemars(extend(
        "propertyNames" = {"pattern": "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"},
        "additionalProperties" = {"type": "string", "pattern": "^[^\\x00-\\x08\\x0a-\\x1f\\x7f]*$"}
    ))]
    pub headers: BTreeMap<String, String>,
    /// Records in one call. More than 1 sends a list.
    #[serde(default)]
    pub batch: Option<u16>,
    /// What bodies are written in: JSON, or XML with `wrap` as its root element.
    #[serde(default)]
    pub format: Sent,
    /// Key of the body under which the record, or the list of records, stands.
    #[serde(default)]
    pub wrap: Option<String>,
    /// Header that makes a repeated call harmless, such as `Idempotency-Key`.
    #[serde(default)]
    #[schemars(regex(pattern = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"))]
    pub idempotency_header: Option<String>,
    /// How a record that is already there is found, where the path cannot name it by its key.
    #[serde(default)]
    pub lookup: Option<Lookup>,
}

/// What bodies that are sent are written in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sent {
    /// JSON.
    #[default]
    Json,
    /// XML.
    Xml,
}

/// How a record is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Write {
    /// POST.
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
}

/// How a record that is already there is found, and changed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lookup {
    /// Path that finds it, such as `/items?external_id={key}`. A 404 means that it is not there.
    pub path: String,
    /// Path of its id in the answer, such as `.items[0].id`; nothing there means not found.
    pub id: String,
    /// Path that changes it, such as `/items/{id}`.
    pub update: String,
    /// How it is changed; PATCH when absent.
    #[serde(default)]
    pub method: Option<Write>,
}
