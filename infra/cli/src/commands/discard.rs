//! `ferrule discard`: gives parked work up.

use clap::Args;
use serde_json::{Value, json};

use super::{Outcome, ask, picked::Picked};
use crate::Ended;
use crate::hub::{Hub, Place};
use crate::output::{self, Output, counted};

/// Give parked work up: it is not replayed any more.
///
/// Its entries stay in the error log, with who gave them up; the payloads are kept until their time is over.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  ferrule discard --integration incidents-in --code TYPE --preview\n  ferrule discard 5d41402abc4b --yes\n\nExit codes: 1 you said no; see `ferrule exit-codes`."
)]
pub(super) struct Discard {
    #[command(flatten)]
    picked: Picked,
    /// Only say what would be given up
    #[arg(long, conflicts_with = "yes")]
    preview: bool,
    /// Do not ask; without a terminal it must be said
    #[arg(long, short)]
    yes: bool,
}

impl Discard {
    pub(super) async fn run(self, place: &Place, output: Output) -> Outcome {
        if !self.yes && !self.preview {
            ask::somebody_answers("--preview")?;
        }
        let hub = Hub::open(place)?;
        let mut asked = self.picked.body();
        asked.insert("preview".to_owned(), json!(true));
        let preview = hub.post("discards", &Value::Object(asked)).await?.loose();
        let errors = preview["errors"].as_u64().unwrap_or_default();
        let missing = self.picked.missing(errors);
        if missing > 0 {
            output.remark(&format!("{} not parked, or no more", counted(missing, "id")));
        }
        if self.preview || output::is_nothing(&preview) {
            output.result(&preview, |output| show(output, &preview));
            return Ok(Ended::Well);
        }
        if !output.is_json() {
            show(output, &preview);
        }
        let records = output::records_of(&preview);
        if !self.yes && !ask::is_wanted(&format!("Give {records} up?"))? {
            output.remark("nothing was given up");
            return Ok(Ended::Badly);
        }
        let (mut errors, mut records) = (0, 0);
        let mut body = self.picked.seen(&preview);
        loop {
            let done = hub.post("discards", &Value::Object(body.clone())).await?.loose();
            errors += done["errors"].as_u64().unwrap_or_default();
            records += done["records"].as_u64().unwrap_or_default();
            if done["more"] != true {
                break;
            }
            body.insert("cursor".to_owned(), done["next"].clone());
        }
        output.result(&json!({ "errors": errors, "records": records }), |output| {
            output.line(&format!("{} given up", counted(records, "record")));
        });
        Ok(Ended::Well)
    }
}

fn show(output: Output, preview: &Value) {
    if output::is_nothing(preview) {
        output.line("nothing that is parked matches");
        return;
    }
    output.table("What would be given up", &output::amount(preview), "");
}
