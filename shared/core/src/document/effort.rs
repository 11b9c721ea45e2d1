//! How much work it is to judge a value by a schema: counted before it is done.
//!
//! The library that judges knows no bounds: of thirty parts that each refer twice to the next, a value is
//! compared with the last one a thousand million times, and of two thousand that each refer to the next no
//! stack is deep enough. So the same ways are gone here first, with nothing compared, and no farther than
//! [`MOST`]. It is never less than the library does: where that stops early, this goes on.

use std::collections::HashMap;

use serde_json::{Map, Value as Json};

/// Most comparisons of one value with parts of its schema.
const MOST: usize = 250_000;

/// How deep parts may lie in each other, and values in values, all in all: each takes the library some ten
/// KiB of a stack, without optimisation.
const DEEPEST: usize = 150;

/// Bytes of text that count as one comparison.
const TEXT_BYTES: usize = 32;

/// Where the schemas of schemas are.
const STANDARD: &str = "json-schema.org";

/// Keys under which parts stand that judge the same value.
const SAME: [&str; 4] = ["not", "if", "then", "else"];
const SAME_LISTS: [&str; 3] = ["allOf", "anyOf", "oneOf"];
const SAME_BY_KEY: [&str; 2] = ["dependencies", "dependentSchemas"];

/// Keys under which parts stand that judge what is in a value.
const OF_KEYS: [&str; 2] = ["properties", "patternProperties"];
const OF_OTHER_KEYS: [&str; 2] = ["additionalProperties", "unevaluatedProperties"];
const OF_NAMES: &str = "propertyNames";
const OF_ITEMS: [&str; 4] = ["items", "additionalItems", "contains", "unevaluatedItems"];
const OF_FIRST_ITEMS: [&str; 2] = ["items", "prefixItems"];

/// Keys under which parts stand that are only referred to.
const KEPT: [&str; 2] = ["$defs", "definitions"];

/// Keys that refer to another part.
const REFS: [&str; 3] = ["$ref", "$dynamicRef", "$recursiveRef"];

/// Keys whose entries are looked at one by one.
const LISTED: [&str; 4] = ["enum", "required", "dependentRequired", "dependencies"];

/// Keys that read a text from end to end.
const READING: [&str; 4] = ["pattern", "format", "minLength", "maxLength"];

/// What a schema consists of, and what its references can mean.
pub(super) struct Effort<'s> {
    root: &'s Json,
    parts: Vec<&'s Map<String, Json>>,
    /// Parts with a name of their own, and the root with any.
    resources: Vec<(&'s str, &'s Json)>,
    anchors: HashMap<&'s str, Vec<&'s Json>>,
    /// It asks what other parts have not judged: then each of them keeps a list of that.
    keeps_lists: bool,
}

/// Why a value is not judged.
enum Refusal {
    TooMuch,
    Elsewhere(String),
}

impl Refusal {
    fn sentence(self) -> String {
        match self {
            Self::TooMuch => {
                "its parts refer to each other so often, or lie so deep in each other, that no \
                              value could be compared with them in time"
                    .to_owned()
            }
            Self::Elsewhere(to) => {
                format!("it refers to '{to}', which is none of its own parts").replace('"', "'")
            }
        }
    }
}

impl<'s> Effort<'s> {
    /// Reads a schema.
    pub(super) fn of(root: &'s Json) -> Self {
        let (parts, resources) = (Vec::new(), vec![("", root)]);
        let anchors = HashMap::new();
        let mut effort = Self { root, parts, resources, anchors, keeps_lists: false };
        effort.read(root);
        effort
    }

    fn read(&mut self, part: &'s Json) {
        let Json::Object(keys) = part else { return };
        self.parts.push(keys);
        let text = |key: &str| keys.get(key).and_then(Json::as_str);
        for name in ["$id", "id"].into_iter().filter_map(text) {
            match name.strip_prefix('#') {
                Some(anchor) => self.anchors.entry(anchor).or_default().push(part),
                None => self.resources.push((name.trim_end_matches('#'), part)),
            }
        }
        for anchor in ["$anchor", "$dynamicAnchor"].into_iter().filter_map(text) {
            self.anchors.entry(anchor).or_default().push(part);
        }
        self.keeps_lists |= keys.keys().any(|key| key.starts_with("unevaluated"));
        let one = SAME.into_iter().chain(OF_OTHER_KEYS).chain(OF_ITEMS).chain([OF_NAMES]);
        let lists = SAME_LISTS.into_iter().chain(OF_FIRST_ITEMS);
        let maps = SAME_BY_KEY.into_iter().chain(OF_KEYS).chain(KEPT);
        let one = one.filter_map(|key| keys.get(key));
        let lists = lists.filter_map(|key| keys.get(key)?.as_array()).flatten();
        let maps = maps.filter_map(|key| keys.get(key)?.as_object()).flat_map(Map::values);
        for inner in one.chain(lists).chain(maps) {
            self.read(inner);
        }
    }

    /// Refuses a schema that no value could be compared with in time; the error is one sentence.
    pub(super) fn check_schema(&self) -> Result<(), String> {
        let mut walk = Walk { effort: self, left: MOST };
        let refused = self.parts.iter().find_map(|part| walk.part(part, None, 0).err());
        refused.map_or(Ok(()), |refusal| Err(refusal.sentence()))
    }

    /// Refuses a value that cannot be compared with the schema in time.
    pub(super) fn check(&self, value: &Json) -> Result<(), String> {
        let mut walk = Walk { effort: self, left: MOST };
        walk.step(self.root, Some(value), 0).map_err(Refusal::sentence)
    }

    /// Returns everything that a reference can mean. Which of several parts with names of their own it is
    /// depends on the way there: here it is all of them.
    fn meant(&self, to: &str) -> Vec<&'s Json> {
        let (name, place) = to.split_once('#').unwrap_or((to, ""));
        // What the library knows by itself refers to whatever calls itself its part.
        if name.contains(STANDARD) {
            return Vec::new();
        }
        if !place.is_empty() && !place.starts_with('/') {
            return self.anchors.get(place).cloned().unwrap_or_default();
        }
        let place = decoded(place);
        let is_meant = |own: &str| name.is_empty() || !own.is_empty() && last(own) == last(name);
        let resources = self.resources.iter().filter(|(own, _)| is_meant(own));
        let mut meant: Vec<&Json> =
            resources.filter_map(|(_, part)| part.pointer(&place)).collect();
        // The root has its own name and none.
        meant.dedup_by(|one, other| std::ptr::eq(*one, *other));
        meant
    }
}

fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or_default()
}

/// A way through a schema and perhaps a value, with so many steps left.
struct Walk<'e, 's> {
    effort: &'e Effort<'s>,
    left: usize,
}

impl<'s> Walk<'_, 's> {
    fn step(&mut self, part: &'s Json, value: Option<&Json>, depth: usize) -> Result<(), Refusal> {
        match part {
            Json::Object(keys) => self.part(keys, value, depth),
            _ => Ok(()),
        }
    }

    /// Goes on from a part. Without a value it goes wherever one could lead in place.
    fn part(
        &mut self,
        keys: &'s Map<String, Json>,
        value: Option<&Json>,
        depth: usize,
    ) -> Result<(), Refusal> {
        let cost = self.cost(keys, value);
        self.left = self.left.checked_sub(cost).ok_or(Refusal::TooMuch)?;
        if depth >= DEEPEST {
            return Err(Refusal::TooMuch);
        }
        if value.is_some_and(|value| !is_of_type(keys.get("type"), value)) {
            return Ok(());
        }
        self.same(keys, value, depth + 1)?;
        match value {
            Some(Json::Object(object)) => self.keys(keys, object, depth + 1),
            Some(Json::Array(items)) => self.items(keys, items, depth + 1),
            _ => Ok(()),
        }
    }

    fn same(
        &mut self,
        keys: &'s Map<String, Json>,
        value: Option<&Json>,
        depth: usize,
    ) -> Result<(), Refusal> {
        for key in REFS {
            let Some(to) = keys.get(key).and_then(Json::as_str) else { continue };
            let meant = self.effort.meant(to);
            if meant.is_empty() {
                return Err(Refusal::Elsewhere(to.chars().take(100).collect()));
            }
            for part in meant {
                self.step(part, value, depth)?;
            }
        }
        let lists = SAME_LISTS.into_iter().filter_map(|key| keys.get(key)?.as_array()).flatten();
        for part in SAME.into_iter().filter_map(|key| keys.get(key)).chain(lists) {
            self.step(part, value, depth)?;
        }
        let by_key = SAME_BY_KEY.into_iter().filter_map(|key| keys.get(key)?.as_object());
        for (key, part) in by_key.flatten() {
            if value.is_none_or(|value| value.get(key).is_some()) {
                self.step(part, value, depth)?;
            }
        }
        Ok(())
    }

    fn keys(
        &mut self,
        keys: &'s Map<String, Json>,
        object: &Map<String, Json>,
        depth: usize,
    ) -> Result<(), Refusal> {
        let [known, patterns] = OF_KEYS.map(|key| keys.get(key).and_then(Json::as_object));
        for (key, value) in object {
            if let Some(part) = known.and_then(|known| known.get(key)) {
                self.step(part, Some(value), depth)?;
            } else {
                for part in OF_OTHER_KEYS.into_iter().filter_map(|key| keys.get(key)) {
                    self.step(part, Some(value), depth)?;
                }
            }
            for part in patterns.into_iter().flat_map(Map::values) {
                self.step(part, Some(value), depth)?;
            }
            if let Some(part) = keys.get(OF_NAMES) {
                self.step(part, Some(&Json::from(key.as_str())), depth)?;
            }
        }
        Ok(())
    }

    fn items(
        &mut self,
        keys: &'s Map<String, Json>,
        items: &[Json],
        depth: usize,
    ) -> Result<(), Refusal> {
        for (at, item) in items.iter().enumerate() {
            let all = OF_ITEMS.into_iter().filter_map(|key| keys.get(key));
            let first = OF_FIRST_ITEMS.into_iter().filter_map(|key| keys.get(key)?.get(at));
            for part in all.chain(first) {
                self.step(part, Some(item), depth)?;
            }
        }
        Ok(())
    }

    /// Returns what it takes to compare a value with what one part says itself.
    fn cost(&self, keys: &Map<String, Json>, value: Option<&Json>) -> usize {
        let entries = |key: &str| match keys.get(key) {
            Some(Json::Array(items)) => items.len(),
            Some(Json::Object(entries)) => entries.len(),
            _ => 0,
        };
        let own: usize = 1 + LISTED.into_iter().map(entries).sum::<usize>();
        let inside = match value {
            Some(Json::Object(object)) => {
                let lists = if self.effort.keeps_lists { object.len() } else { 0 };
                lists + object.len() * entries("patternProperties")
            }
            Some(Json::Array(items))
                if self.effort.keeps_lists || keys.contains_key("uniqueItems") =>
            {
                items.len()
            }
            Some(Json::String(text)) if READING.into_iter().any(|key| keys.contains_key(key)) => {
                text.len() / TEXT_BYTES
            }
            _ => 0,
        };
        own + inside
    }
}

/// Tells whether a value may be of the type that is wanted: of another one nothing else is looked at.
fn is_of_type(wanted: Option<&Json>, value: &Json) -> bool {
    let is = |name: &str| match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => value.is_number(),
    };
    match wanted {
        Some(Json::String(name)) => is(name),
        Some(Json::Array(names)) => names.iter().filter_map(Json::as_str).any(is),
        _ => true,
    }
}

/// Reads a place in a reference: `%20` is a space.
fn decoded(place: &str) -> String {
    let mut bytes = Vec::with_capacity(place.len());
    let mut rest = place.as_bytes();
    while let [first, behind @ ..] = rest {
        let hex = behind.get(..2).filter(|_| *first == b'%');
        let hex = hex.and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &behind[2..] } else { behind };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
