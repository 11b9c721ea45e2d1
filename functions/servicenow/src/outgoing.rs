//! Records as the instance takes them.

use ferrule_connector::{Disposition, Load, Object, Record, Value};

use crate::{ServiceNow, Target, fields::Fields, query::unusable, text::outward};

/// A record as the instance takes it.
pub(crate) struct Outgoing {
    pub(crate) key: String,
    /// Field and text, the key field included.
    pub(crate) values: Vec<(String, String)>,
}

/// Turns records into text; one that cannot be written is refused here, alone.
pub(crate) fn prepare(
    load: &Load<'_, ServiceNow>,
    done: &mut [Option<Disposition>],
    fields: &Fields,
) -> Vec<(usize, Outgoing)> {
    let mut ready = Vec::new();
    for (at, record) in load.records.iter().enumerate() {
        if done[at].is_some() {
            continue;
        }
        match outgoing(record, load.target, fields) {
            Ok(out) => ready.push((at, out)),
            Err(refused) => done[at] = Some(refused),
        }
    }
    ready
}

fn outgoing(record: &Record, target: &Target, fields: &Fields) -> Result<Outgoing, Disposition> {
    let Some(key) = &record.key else {
        let why = "it has no key, and the instance has no other way to find it again";
        return Err(refused("NO_KEY", why));
    };
    if let Some(why) = unusable(key) {
        return Err(refused("KEY", &format!("its key {key:?} cannot be looked up: {why}")));
    }
    let mut values = Vec::new();
    if let Some(object) = record.value.as_object() {
        for (name, value) in object.iter().filter(|(name, _)| *name != target.key_field) {
            let text = outward(value, fields.kind(name));
            let text = text.map_err(|why| refused("NOT_TEXT", &format!("{name}: {why}")))?;
            values.push((name.to_owned(), text));
        }
    }
    values.push((target.key_field.clone(), key.clone()));
    if let (Some(field), Some(version)) = (&target.version_field, &record.version) {
        values.retain(|(name, _)| name != field);
        values.push((field.clone(), outward(version, None).unwrap_or_default()));
    }
    Ok(Outgoing { key: key.clone(), values })
}

pub(crate) fn object(values: &[(String, String)]) -> Value {
    let pairs = values.iter().map(|(name, text)| (name.as_str(), Value::from(text.as_str())));
    pairs.collect::<Object>().into()
}

pub(crate) fn refused(code: &str, message: &str) -> Disposition {
    Disposition::Refused { code: code.to_owned(), message: message.to_owned() }
}
