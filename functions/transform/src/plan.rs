//! What a plan does here: it maps as always, and says what would be refused in place of parking it.

use std::time::Duration;

use ferrule_core::{Batch, Envelope, Failure, Message, Note, Reason, Task};
use ferrule_store::fresh;

use crate::{Refused, Transform};

impl Transform {
    /// Sends what was mapped on to be compared, with what would be refused beside it.
    pub(crate) async fn plan(
        &self,
        envelope: &Envelope,
        mut mapped: Batch,
        refused: &[Refused<'_>],
    ) -> Result<(), Failure> {
        if let Some(fatal) = refused.iter().find(|refused| refused.refusal.fails_run) {
            let (code, message) = (fatal.refusal.code.clone(), fatal.refusal.message.clone());
            let note = Note::Failed { code, message };
            return self.store.send_task("journal", envelope, Task::Note(note)).await;
        }
        let mut found = mapped.found.take().unwrap_or_default();
        for Refused { refusal, record, .. } in refused {
            found.note_refused(Reason {
                code: refusal.code.clone(),
                message: refusal.message.clone(),
                origin: mapped.origin.clone(),
                line: record.line,
                records: 1,
            });
        }
        if mapped.records.is_empty() {
            let Batch { seq, counts, timings, .. } = mapped;
            let note = Note::Looked { seq, counts, timings, found };
            return self.store.send_task("journal", envelope, Task::Note(note)).await;
        }
        mapped.found = Some(found);
        let target = self.target(envelope).await?;
        let message = Message { envelope: fresh(envelope), task: Task::Load(mapped) };
        self.store.send(&target, vec![message], Duration::ZERO).await
    }
}
