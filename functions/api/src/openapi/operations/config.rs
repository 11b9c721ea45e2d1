//! What can be asked of the configuration service.

use config::{Back, Batch, ConfigView, Done, Put, VersionView};
use schemars::SchemaGenerator;
use serde_json::json;

use super::{JSON, Operation};
use crate::page::Page;

impl Operation {
    fn of_environment(self) -> Self {
        self.text("environment", "Such as `production`; `default` when left out.")
    }

    fn telling(self) -> Self {
        self.query("local_only", json!({"type": "boolean"}), "Tell nobody.").fails(&[400, 422])
    }

    fn of_version(self) -> Self {
        self.header("If-Match", "Only when the value has this ETag.").fails(&[412])
    }
}

/// Lists the operations.
pub(super) fn config(g: &mut SchemaGenerator) -> Vec<Operation> {
    let mut all = reads(g);
    all.extend(writes(g));
    all
}

fn reads(g: &mut SchemaGenerator) -> Vec<Operation> {
    vec![
        Operation::new("get", "/v1/config", "listConfig", "read", "Lists configuration values.")
            .text("match", "Patterns over keys, such as `*.database.*,!test.*`: `*` is any run of characters, `!` takes out.")
            .text("environment", "Only of this environment.")
            .paged()
            .gives::<Page<ConfigView>>(g, 200, "A page, by environment and key."),
        Operation::new("get", "/v1/config/{key}", "getConfig", "read", "Shows a configuration value.")
            .of_environment()
            .header("If-None-Match", "Not when it still has this ETag.")
            .gives::<ConfigView>(g, 200, "The value; its ETag is in the header, too.")
            .gives_nothing(304, "It still has that ETag.")
            .fails(&[400, 404]),
        Operation::new("get", "/v1/config/{key}/history", "getConfigHistory", "read", "Lists the versions of a value.")
            .of_environment()
            .paged()
            .gives::<Page<VersionView>>(g, 200, "A page, newest first; deletions are versions, too.")
            .fails(&[404]),
    ]
}

fn writes(g: &mut SchemaGenerator) -> Vec<Operation> {
    vec![
        Operation::new(
            "post",
            "/v1/config",
            "changeConfig",
            "write",
            "Makes up to 40 changes, all or none.",
        )
        .takes::<Batch>(g, JSON)
        .telling()
        .gives::<Done>(g, 200, "The values as they are now, in the order of the changes.")
        .fails(&[404, 410, 412]),
        Operation::new(
            "put",
            "/v1/config/{key}",
            "putConfig",
            "write",
            "Sets a configuration value.",
        )
        .header("If-None-Match", "`*`: only when there is none.")
        .of_version()
        .takes::<Put>(g, JSON)
        .telling()
        .gives::<ConfigView>(g, 200, "Changed, or so already: see `changed`.")
        .gives::<ConfigView>(g, 201, "Created."),
        Operation::new(
            "delete",
            "/v1/config/{key}",
            "deleteConfig",
            "write",
            "Deletes a value; its history stays.",
        )
        .of_environment()
        .text("reason", "Why.")
        .of_version()
        .telling()
        .gives_nothing(204, "Deleted.")
        .fails(&[404]),
        Operation::new(
            "post",
            "/v1/config/{key}/rollback",
            "rollbackConfig",
            "write",
            "Sets the value of an earlier version again.",
        )
        .of_version()
        .takes::<Back>(g, JSON)
        .telling()
        .gives::<ConfigView>(g, 200, "Changed, or so already: see `changed`.")
        .gives::<ConfigView>(g, 201, "It had been deleted, and is there again.")
        .fails(&[404, 410]),
    ]
}
