//! Goes from file to file, one page after the other.

use std::collections::VecDeque;

use ferrule_connector::{Failure, Fetched, Value};

use crate::listing::Pattern;
use crate::page::Reading;
use crate::position::Position;
use crate::source::{Operation, Source};
use crate::store::Depot;

/// Files that are listed ahead and travel in the position.
const AHEAD: usize = 64;

/// Reads the page at `position`.
pub(crate) async fn extract(
    depot: &Depot,
    source: &Source,
    position: &Value,
    page_size: usize,
) -> Result<Fetched, Failure> {
    let pattern = Pattern::parse(&source.path)?;
    if source.operation == Operation::List {
        return crate::catalog::list(depot, source, &pattern, position, page_size).await;
    }
    let mut position = Position::read(position)?;
    let (mut fetched, place) = match position.open.take() {
        Some(place) => Reading::go_on(depot, source, place).await?.page(page_size).await?,
        None => match next_file(depot, source, &pattern, &mut position).await? {
            None => (nothing(source), None),
            Some(file) => first_page(depot, source, &pattern, &file, page_size).await?,
        },
    };
    position.open = place;
    fetched.next = position.write()?;
    Ok(fetched)
}

async fn first_page(
    depot: &Depot,
    source: &Source,
    pattern: &Pattern,
    file: &str,
    page_size: usize,
) -> Result<(Fetched, Option<crate::position::Place>), Failure> {
    if source.operation == Operation::Download {
        let fetched = crate::catalog::download(depot, file).await?;
        return fetched.map_or_else(|| absent(source, pattern), |fetched| Ok((fetched, None)));
    }
    match Reading::start(depot, source, file).await? {
        Some(reading) => reading.page(page_size).await,
        None => absent(source, pattern),
    }
}

/// A file that was listed may be gone by now; one that is named must be there.
fn absent<P>(source: &Source, pattern: &Pattern) -> Result<(Fetched, Option<P>), Failure> {
    match pattern.plain() {
        Some(_) if source.must_exist.unwrap_or(true) => Err(no_file(source)),
        _ => Ok((nothing(source), None)),
    }
}

async fn next_file(
    depot: &Depot,
    source: &Source,
    pattern: &Pattern,
    position: &mut Position,
) -> Result<Option<String>, Failure> {
    let is_first = position.listed.is_none();
    if let Some(path) = pattern.plain() {
        let is_first = !std::mem::replace(&mut position.is_listed, true);
        return Ok(is_first.then(|| path.to_string()));
    }
    let mut queue = VecDeque::from(std::mem::take(&mut position.queue));
    if queue.is_empty() && !position.is_listed {
        let ahead = pattern.ahead(depot, position.listed.as_deref(), AHEAD).await?;
        queue.extend(ahead.files.into_iter().map(|meta| meta.location.to_string()));
        position.is_listed = ahead.is_all;
        position.listed = queue.back().cloned().or(position.listed.take());
        if is_first && queue.is_empty() && source.must_exist == Some(true) {
            return Err(no_file(source));
        }
    }
    let next = queue.pop_front();
    position.queue = queue.into();
    Ok(next)
}

fn nothing(source: &Source) -> Fetched {
    Fetched { origin: source.path.clone(), ..Fetched::default() }
}

fn no_file(source: &Source) -> Failure {
    Failure::coded("FILE_MISSING", format!("there is no file {}", source.path))
}
