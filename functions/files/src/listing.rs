//! Which files a path or a pattern means, in order of their names.

use std::collections::BTreeMap;

use ferrule_connector::Failure;
use futures_util::{Stream, TryStreamExt};
use globset::{GlobBuilder, GlobMatcher};
use object_store::{ObjectMeta, ObjectStore as _, path::Path};

use crate::fault::failure;
use crate::store::Depot;

/// Most bytes of names that are listed at once.
const MAX_NAME_BYTES: usize = 16 * 1024;

/// What stands in `path` of a source.
#[derive(Debug)]
pub(crate) enum Pattern {
    /// One file.
    Plain(Path),
    /// Every file under a folder that matches.
    Glob { folder: Path, matcher: GlobMatcher },
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
        let glob = GlobBuilder::new(text).literal_separator(true).build().map_err(|error| {
            Failure::coded("FILE_PATH", format!("`path` {text:?} is not a pattern: {error}"))
        })?;
        let plain = text.find(['*', '?', '[', '{']).unwrap_or_default();
        let folder = text[..plain].rsplit_once('/').map_or("", |(folder, _)| folder);
        Ok(Self::Glob { folder: path(folder)?, matcher: glob.compile_matcher() })
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
