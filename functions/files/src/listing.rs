//! Which files a path or a pattern means, in order of their names.

use std::collections::BTreeMap;
use std::fmt::Display;

use ferrule_connector::Failure;
use futures_util::{Stream, TryStreamExt};
use globset::{Glob, GlobBuilder};
use object_store::{ObjectMeta, ObjectStore as _, path::Path};
use regex_lite::Regex;

use crate::fault::failure;
use crate::store::Depot;

/// Most bytes of names that are listed at once.
const MAX_NAME_BYTES: usize = 16 * 1024;

/// Longest pattern: each name is compared with all of it.
pub(crate) const MAX_PATTERN_BYTES: usize = 512;

/// What stands in `path` of a source.
#[derive(Debug)]
pub(crate) enum Pattern {
    /// One file.
    Plain(Path),
    /// Every file under a folder that matches.
    Glob { folder: Path, matcher: Matcher },
}

/// A pattern of `globset` without the big engine behind it, which is made for text and takes half a
/// mebibyte. Both go byte by byte: here each byte is a character.
#[derive(Debug)]
pub(crate) struct Matcher(Regex);

impl Matcher {
    fn new(glob: &Glob) -> Result<Self, regex_lite::Error> {
        Regex::new(glob.regex().trim_start_matches("(?-u)")).map(Self)
    }

    pub(crate) fn is_match(&self, name: &str) -> bool {
        let bytes: String = name.bytes().map(char::from).collect();
        self.0.is_match(&bytes)
    }
}

/// The next files.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Ahead {
    /// Sorted by path.
    pub(crate) files: Vec<ObjectMeta>,
    /// There are no others behind them.
    pub(crate) is_all: bool,
}

impl Pattern {
    /// Reads a path or a pattern.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let text = text.trim_start_matches("./");
        if !text.contains(['*', '?', '[', '{']) {
            return Ok(Self::Plain(path(text)?));
        }
        let refused = |error: &dyn Display| {
            Failure::coded("FILE_PATH", format!("`path` {text:?} is not a pattern: {error}"))
        };
        if text.len() > MAX_PATTERN_BYTES {
            return Err(refused(&format!("it has at most {MAX_PATTERN_BYTES} bytes")));
        }
        let glob = GlobBuilder::new(text).literal_separator(true).build();
        let matcher = Matcher::new(&glob.map_err(|error| refused(&error))?);
        let matcher = matcher.map_err(|error| refused(&error))?;
        let plain = text.find(['*', '?', '[', '{']).unwrap_or_default();
        let folder = text[..plain].rsplit_once('/').map_or("", |(folder, _)| folder);
        Ok(Self::Glob { folder: path(folder)?, matcher })
    }

    /// Returns the path when it is one, not a pattern.
    pub(crate) fn plain(&self) -> Option<&Path> {
        match self {
            Self::Plain(path) => Some(path),
            Self::Glob { .. } => None,
        }
    }

    /// Lists the next files behind `after`, at most `most`.
    pub(crate) async fn ahead(
        &self,
        depot: &Depot,
        after: Option<&str>,
        most: usize,
    ) -> Result<Ahead, Failure> {
        let Self::Glob { folder, matcher } = self else {
            return Ok(Ahead { is_all: true, ..Ahead::default() });
        };
        let folder = (!folder.as_ref().is_empty()).then_some(folder);
        let found = match after {
            Some(after) => depot.store.list_with_offset(folder, &path(after)?),
            None => depot.store.list(folder),
        };
        let matching = found.try_filter(|meta| {
            let name = meta.location.as_ref();
            std::future::ready(!name.ends_with('/') && matcher.is_match(name))
        });
        let ahead = smallest(matching, depot.is_sorted, most).await;
        ahead.map_err(|error| failure(&format!("list {}", depot.name), &error))
    }
}

/// Keeps the first few of what may be a long, unsorted list.
async fn smallest(
    found: impl Stream<Item = object_store::Result<ObjectMeta>>,
    is_sorted: bool,
    most: usize,
) -> object_store::Result<Ahead> {
    let mut found = std::pin::pin!(found);
    let (mut kept, mut bytes) = (BTreeMap::new(), 0);
    let mut is_all = true;
    while let Some(meta) = found.try_next().await? {
        bytes += meta.location.as_ref().len();
        kept.insert(meta.location.clone(), meta);
        while kept.len() > 1 && (kept.len() > most || bytes > MAX_NAME_BYTES) {
            bytes -= kept.pop_last().map_or(0, |(path, _)| path.as_ref().len());
            is_all = false;
        }
        if is_sorted && !is_all {
            break;
        }
    }
    Ok(Ahead { files: kept.into_values().collect(), is_all })
}

/// Reads a path within a place. `..` cannot lead out of it.
pub(crate) fn path(text: &str) -> Result<Path, Failure> {
    Path::parse(text).map_err(|error| {
        Failure::coded("FILE_PATH", format!("{text:?} is not the path of a file: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_as_shells_do() {
        let matches = |pattern: &str, name: &str| match Pattern::parse(pattern).unwrap() {
            Pattern::Glob { matcher, .. } => matcher.is_match(name),
            Pattern::Plain(path) => path.as_ref() == name,
        };
        for (pattern, name) in [
            ("*.csv", "a.csv"),
            ("in/**/*.csv", "in/a.csv"),
            ("in/**/*.csv", "in/b/c/a.csv"),
            ("**", "a/b/c"),
            ("page-[0-9].json", "page-7.json"),
            ("page-[!0-9].json", "page-x.json"),
            ("{a,b}/x.?sv", "b/x.tsv"),
            ("b\u{fc}ro*/pr\u{fc}fung (1).csv", "b\u{fc}ro 1/pr\u{fc}fung (1).csv"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("*.csv", "in/a.csv"),
            ("*.csv", "a.csv.gz"),
            ("in/**/*.csv", "out/a.csv"),
            ("page-[0-9].json", "page-x.json"),
            ("a.b*", "axb"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
