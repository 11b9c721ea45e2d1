//! Changes as events.

use ferrule_core::{
    Digest, Event, Hops, Object, Tenant, Value, definition::Urgency, event::CONFIG_CHANGED,
};

use super::{ConfigAt, ConfigVersion, Held};
use crate::Posted;

/// What the values of one message may have together. A longer one is cut: who needs it whole asks
/// for it.
const VALUES_BYTES: usize = 48 * 1024;

/// What is left of a value that is too long, in characters.
const EXCERPT_CHARS: usize = 200;

/// A change that is about to be told.
pub(super) struct Told {
    pub(super) at: ConfigAt,
    pub(super) old: Held,
    pub(super) new: ConfigVersion,
    pub(super) is_sensitive: bool,
}

/// Makes the events of changes that happen together; `None` when nothing does.
pub(super) fn posted(tenant: &Tenant, told: &[Told]) -> Option<Posted> {
    let most_bytes = VALUES_BYTES / (2 * told.len()).max(1);
    let events: Vec<Event> = told.iter().map(|one| event(tenant, one, most_bytes)).collect();
    let id = match events.as_slice() {
        [] => return None,
        [only] => only.id.clone(),
        [first, ..] => {
            let ids: Vec<&[u8]> = events.iter().map(|event| event.id.as_bytes()).collect();
            format!("{}-{}", first.id, Digest::of(&ids))
        }
    };
    Some(Posted { id, events, urgency: Urgency::default(), hops: Hops::default() })
}

fn event(tenant: &Tenant, told: &Told, most_bytes: usize) -> Event {
    let Told { at, old, new, is_sensitive } = told;
    let (environment, key) = (at.environment.as_str(), at.key.as_str());
    let version = new.version.to_string();
    let parts = [tenant.as_str(), environment, key, &version];
    let id = Digest::of(&parts.map(str::as_bytes));
    let (old, old_is_cut) = shown(old, most_bytes);
    let (after, new_is_cut) = shown(&new.held, most_bytes);
    let mut data = Object::from_iter([
        ("key", Value::from(key)),
        ("environment", Value::from(environment)),
        ("version", Value::from(i64::try_from(new.version).unwrap_or(i64::MAX))),
        ("old", old),
        ("new", after),
        ("by", Value::from(new.by.as_str())),
        ("reason", new.reason.as_deref().map_or(Value::Null, Value::from)),
        ("sensitive", Value::from(*is_sensitive)),
        ("action", Value::from(new.action.as_str())),
    ]);
    if old_is_cut || new_is_cut {
        data.insert("cut", Value::from(true));
    }
    Event {
        id: format!("config-{id}"),
        kind: CONFIG_CHANGED.to_owned(),
        at: new.at,
        subject: key.to_owned(),
        data,
    }
}

/// Returns what is told of a value, and whether that is less than all.
fn shown(held: &Held, most_bytes: usize) -> (Value, bool) {
    match held {
        Held::Nothing => (Value::Null, false),
        Held::Sealed { hash, .. } => (Value::from(hash.as_str()), false),
        Held::Plain(value) => {
            let text = value.to_string();
            if text.len() <= most_bytes {
                return (value.clone(), false);
            }
            let start: String = text.chars().take(EXCERPT_CHARS).collect();
            (Value::from(format!("{start}\u{2026}")), true)
        }
    }
}

#[cfg(test)]
mod tests {
    use ferrule_core::Name;

    use super::*;
    use crate::{ConfigAction, ConfigKey, post};

    fn told(key: usize, size_bytes: usize) -> Told {
        let value = |c: &str| Held::Plain(Value::from(c.repeat(size_bytes)));
        Told {
            at: ConfigAt {
                environment: Name::new("default").unwrap(),
                key: ConfigKey::new(format!("app.k{key}")).unwrap(),
            },
            old: value("o"),
            new: ConfigVersion {
                version: 2,
                at: 0,
                by: "ann".into(),
                reason: None,
                action: ConfigAction::Set,
                held: value("n"),
                of: None,
                local_only: false,
            },
            is_sensitive: false,
        }
    }

    #[test]
    fn a_message_has_bounds_however_large_the_values_are() {
        let tenant = Tenant::new("acme").unwrap();
        for (count, size_bytes) in [(1, 65_000), (40, 65_000), (40, 590), (1, 24_000)] {
            let all: Vec<Told> = (0..count).map(|key| told(key, size_bytes)).collect();
            let posted = posted(&tenant, &all).unwrap();
            let text = serde_json::to_string(&posted).unwrap();
            assert!(text.len() <= 63 * 1024, "{count} of {size_bytes}: {}", text.len());
            let cut = posted.events[0].data.get("cut").is_some();
            assert_eq!(cut, size_bytes == 65_000);
            assert!(post(&tenant, &posted).is_ok());
        }
    }

    #[test]
    fn an_id_is_the_same_for_the_same_change_and_no_other() {
        let (acme, globex) = (Tenant::new("acme").unwrap(), Tenant::new("globex").unwrap());
        let id = |tenant, all: &[Told]| posted(tenant, all).unwrap().id;
        assert_eq!(id(&acme, &[told(1, 1)]), id(&acme, &[told(1, 9)]));
        assert_ne!(id(&acme, &[told(1, 1)]), id(&globex, &[told(1, 1)]));
        assert_ne!(id(&acme, &[told(1, 1)]), id(&acme, &[told(2, 1)]));
        assert_ne!(id(&acme, &[told(1, 1)]), id(&acme, &[told(1, 1), told(2, 1)]));
    }
}
