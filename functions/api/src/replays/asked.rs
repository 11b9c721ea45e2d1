//! What callers ask for: a selection, and what to do with it.

use ferrule_core::{Name, RunId, Tenant, definition::Rate};
use ferrule_store::{MOST_IDS, Pick, REPLAY_RATE, Store, With};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::problem::Problem;

/// Most records in a minute that a replay may be asked for.
const MOST_A_MINUTE: u64 = 60_000;

/// Fewest letters that may stand for an id.
const FEWEST_LETTERS: usize = 6;

/// Letters of a whole id: nothing is looked up for it.
const WHOLE: usize = 32;

/// For a preview of what is only given up.
pub(super) const NO_MATTER: With = With::Today;

/// Query of `GET /v1/parked`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ParkedAsked {
    run: Option<RunId>,
    integration: Option<Name>,
    code: Option<String>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// Query of `GET /v1/replays`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListAsked {
    pub(super) limit: Option<usize>,
    pub(super) cursor: Option<String>,
}

/// What to send again. All that is said must hold; everything is meant only when `all` says so.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplayAsked {
    /// Only these errors, by their ids or at least six first letters of them; at most 1,000.
    #[serde(default)]
    ids: Vec<String>,
    /// Only what failed in this run.
    #[schemars(with = "Option<String>")]
    run: Option<RunId>,
    /// Only of this integration.
    integration: Option<Name>,
    /// Only with this code.
    code: Option<String>,
    /// Only parked at or after.
    #[schemars(with = "Option<String>")]
    since: Option<Timestamp>,
    /// Only parked at or before. What is parked after now is never meant.
    #[schemars(with = "Option<String>")]
    until: Option<Timestamp>,
    /// Everything that is parked.
    #[serde(default)]
    all: bool,
    /// Under which definition: `today` is the integration's as it is now, `as-was` the one under
    /// which it failed.
    #[serde(default)]
    #[schemars(with = "Option<WithSchema>")]
    pub(super) with: With,
    /// Most records in a while: `6000/m` (the default), `10/s`; at most 60,000 in a minute.
    rate: Option<Rate>,
    /// Only say what it would do.
    #[serde(default)]
    pub(super) preview: bool,
}

/// What to give up. All that is said must hold; everything is meant only when `all` says so.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DiscardAsked {
    /// Only these errors, by their ids or at least six first letters of them; at most 1,000.
    #[serde(default)]
    ids: Vec<String>,
    /// Only what failed in this run.
    #[schemars(with = "Option<String>")]
    run: Option<RunId>,
    /// Only of this integration.
    integration: Option<Name>,
    /// Only with this code.
    code: Option<String>,
    /// Only parked at or after.
    #[schemars(with = "Option<String>")]
    since: Option<Timestamp>,
    /// Only parked at or before.
    #[schemars(with = "Option<String>")]
    until: Option<Timestamp>,
    /// Everything that is parked.
    #[serde(default)]
    all: bool,
    /// `next` of the last answer: goes on where that ended.
    cursor: Option<String>,
    /// Only say what it would give up.
    #[serde(default)]
    pub(super) preview: bool,
}

/// How [`With`] is written.
#[derive(JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(dead_code, reason = "it only says what the words are")]
enum WithSchema {
    Today,
    AsWas,
}

impl ParkedAsked {
    /// Returns the selection, and which page of it.
    pub(super) fn read(self) -> (Pick, Option<usize>, Option<String>) {
        let Self { run, integration, code, since, until, limit, cursor } = self;
        let pick = pick(run.as_ref(), integration.as_ref(), code.as_ref(), (since, until));
        (pick, limit, cursor)
    }
}

impl ReplayAsked {
    pub(super) fn pick(&self) -> Result<Pick, Problem> {
        let Self { run, integration, code, since, until, .. } = self;
        let rest = pick(run.as_ref(), integration.as_ref(), code.as_ref(), (*since, *until));
        checked(&self.ids, rest, self.all)
    }

    /// Says what was selected, for the audit trail.
    pub(super) fn words(&self) -> String {
        words(self.pick().unwrap_or_default())
    }

    pub(super) fn rate(&self) -> Result<Rate, Problem> {
        let rate = self.rate.unwrap_or(REPLAY_RATE);
        let a_minute = u64::from(rate.calls) * 60 / u64::from(rate.window_secs.max(1));
        if a_minute > MOST_A_MINUTE {
            let most = format!("rate is at most {MOST_A_MINUTE}/m");
            return Err(Problem::bad_request(most));
        }
        Ok(rate)
    }
}

impl DiscardAsked {
    pub(super) fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    pub(super) fn pick(&self) -> Result<Pick, Problem> {
        let Self { run, integration, code, since, until, .. } = self;
        let rest = pick(run.as_ref(), integration.as_ref(), code.as_ref(), (*since, *until));
        checked(&self.ids, rest, self.all)
    }

    /// Says what was selected, for the audit trail.
    pub(super) fn words(&self) -> String {
        words(self.pick().unwrap_or_default())
    }
}

fn pick(
    run: Option<&RunId>,
    integration: Option<&Name>,
    code: Option<&String>,
    (since, until): (Option<Timestamp>, Option<Timestamp>),
) -> Pick {
    Pick {
        ids: Vec::new(),
        run: run.cloned(),
        integration: integration.cloned(),
        code: code.cloned(),
        since: since.map(Timestamp::as_millisecond),
        until: until.map(Timestamp::as_millisecond),
    }
}

/// Refuses a selection that selects nothing in particular: a forgotten filter is not "everything".
fn checked(ids: &[String], rest: Pick, all: bool) -> Result<Pick, Problem> {
    let says_nothing = ids.is_empty() && rest == Pick::default();
    if says_nothing != all {
        let detail = "say what is meant: ids, run, integration, code, since or until; or else all";
        return Err(Problem::bad_request(detail));
    }
    if ids.len() > MOST_IDS {
        return Err(Problem::bad_request(format!("at most {MOST_IDS} ids")));
    }
    if let Some(id) = ids.iter().find(|id| id.is_empty() || id.len() > 200) {
        return Err(Problem::bad_request(format!("{id:?} is no id")));
    }
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    Ok(Pick { ids, ..rest })
}

/// Makes ids of their first letters, as the command shows them.
pub(super) async fn resolved(
    store: &Store,
    tenant: &Tenant,
    mut pick: Pick,
) -> Result<Pick, Problem> {
    for id in &mut pick.ids {
        let is_cut = (FEWEST_LETTERS..WHOLE).contains(&id.len());
        let found = if is_cut { store.error_ids(tenant, id, 2).await? } else { Vec::new() };
        match found.as_slice() {
            [one] => id.clone_from(one),
            [first, _] if first != id => {
                let detail = format!("more than one error begins with {id}");
                return Err(Problem::bad_request(detail));
            }
            _ => {}
        }
    }
    pick.ids.sort_unstable();
    pick.ids.dedup();
    Ok(pick)
}

fn words(pick: Pick) -> String {
    let Pick { ids, run, integration, code, since, until } = pick;
    let ids = match ids.as_slice() {
        [] => None,
        [one] => Some(format!("id={one}")),
        many => Some(format!("ids={} of them, {} first", many.len(), many[0])),
    };
    let code = code.map(|code| code.chars().filter(|c| !c.is_control()).take(100).collect());
    let time = |ms: Option<i64>| ms.map(crate::views::time);
    let said = [
        ("run", run.map(|run| run.to_string())),
        ("integration", integration.map(|name| name.to_string())),
        ("code", code),
        ("since", time(since)),
        ("until", time(until)),
    ];
    let said = said.into_iter().filter_map(|(name, is): (_, Option<String>)| Some((name, is?)));
    let said = said.map(|(name, is)| format!("{name}={is}"));
    let all: Vec<String> = ids.into_iter().chain(said).collect();
    if all.is_empty() { "all".to_owned() } else { all.join(" ") }
}
