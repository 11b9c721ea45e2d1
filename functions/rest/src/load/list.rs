//! Writes lists of records, a list a call.

use ferrule_connector::{Disposition, Failure, Value};
use ferrule_core::{Digest, definition::Mode, json};
use http::Method;

use super::{Writing, is_about_all, place::method, refused};

impl Writing<'_> {
    /// Writes lists. One that is refused is cut in half, until the bad records stand alone.
    pub(super) async fn write_lists(
        &self,
        size: usize,
        done: &mut [Option<Disposition>],
    ) -> Result<(), Failure> {
        let starts = (0..done.len()).step_by(size).rev();
        let mut lists: Vec<_> = starts.map(|from| from..done.len().min(from + size)).collect();
        while let Some(list) = lists.pop() {
            let open: Vec<usize> = list.clone().filter(|at| done[*at].is_none()).collect();
            let Some(first) = open.first() else { continue };
            self.check_time()?;
            let sent = self.send_list(&open).await;
            if let Err(failure) = &sent {
                for at in &open {
                    done[*at] = self.unsure(failure);
                }
            }
            match sent? {
                Ok(disposition) => {
                    for at in open {
                        done[at] = Some(disposition.clone());
                    }
                }
                Err(reason) if open.len() == 1 => done[*first] = Some(refused(&reason)),
                Err(_) => {
                    let middle = open[open.len() / 2];
                    lists.push(middle..list.end);
                    lists.push(list.start..middle);
                }
            }
        }
        Ok(())
    }

    /// Sends a list; the inner error is the target's refusal of something in it.
    async fn send_list(&self, open: &[usize]) -> Result<Result<Disposition, String>, Failure> {
        let target = self.load.target;
        let hops = open.iter().map(|at| self.load.records[*at].hops).max().unwrap_or_default();
        let list = list_of(open.iter().map(|at| &self.load.records[*at].value));
        let method = match self.load.mode {
            Mode::Update => method(target.method, Method::PATCH),
            _ => method(target.method, Method::POST),
        };
        let digest = Digest::of(&[list.as_bytes()]);
        let name = format!("{}-{digest}", self.load.batch_id);
        let body = self.json(list);
        let answer = match self.send((&method, target.path.as_str()), Some(body), &name, hops).await
        {
            Err(Failure::Rejected { reason, .. }) if !is_about_all(&reason) => {
                return Ok(Err(reason));
            }
            other => other?,
        };
        Ok(match answer {
            answer if answer.is_accepted => Err(answer.reason),
            answer if answer.is_ignored => Ok(Disposition::Unchanged),
            _ if self.load.mode == Mode::Insert => Ok(Disposition::Created),
            _ => Ok(Disposition::Updated),
        })
    }
}

/// Writes values as a JSON list.
fn list_of<'v>(values: impl Iterator<Item = &'v Value>) -> String {
    let mut list = String::from("[");
    for (at, value) in values.enumerate() {
        if at > 0 {
            list.push(',');
        }
        json::write(value, &mut list);
    }
    list.push(']');
    list
}
