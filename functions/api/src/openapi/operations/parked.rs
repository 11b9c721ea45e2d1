//! Operations on what is parked.

use schemars::SchemaGenerator;

use super::{JSON, Operation};
use crate::{
    page::Page,
    replays::{DiscardAsked, DiscardView, PreviewView, ReplayAsked, ReplayView},
    views::ErrorView,
};

pub(super) fn parked(g: &mut SchemaGenerator) -> Vec<Operation> {
    vec![
        Operation::new(
            "get",
            "/v1/parked",
            "listParked",
            "read",
            "Lists what is parked and still kept, oldest first.",
        )
        .text("run", "Only what failed in this run.")
        .text("integration", "Only of this integration.")
        .text("code", "Only with this code.")
        .moment("since", "Only parked at or after.")
        .moment("until", "Only parked at or before.")
        .paged()
        .gives::<Page<ErrorView>>(g, 200, "A page of errors."),
        Operation::new(
            "post",
            "/v1/replays",
            "startReplay",
            "write",
            "Sends what is parked again, at a bounded rate; with `preview`, only says what it would do.",
        )
        .takes::<ReplayAsked>(g, JSON)
        .gives::<PreviewView>(g, 200, "What it would do (`preview`).")
        .gives::<ReplayView>(g, 202, "It has begun; each row is sent once, however often it is asked for."),
        Operation::new("get", "/v1/replays", "listReplays", "read", "Lists replays, newest first.")
            .paged()
            .gives::<Page<ReplayView>>(g, 200, "A page of replays."),
        Operation::new("get", "/v1/replays/{id}", "getReplay", "read", "Shows a replay.")
            .gives::<ReplayView>(g, 200, "The replay.")
            .fails(&[404]),
        Operation::new(
            "post",
            "/v1/discards",
            "discard",
            "write",
            "Gives up what is parked; with `preview`, only says what. Answers a preview, or what was given up.",
        )
        .takes::<DiscardAsked>(g, JSON)
        .gives::<DiscardView>(g, 200, "What was given up; with `preview`, what startReplay's preview says."),
    ]
}
