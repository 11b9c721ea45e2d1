//! What a definition says about who is told what, compiled.

use std::ops::Range;

use ferrule_core::{
    Digest, Notification, Value, Wording,
    definition::{Integration, Listed, Output, QuietHours, Urgency, Window},
    duration::Span,
    expr::Expr,
    pattern::Patterns,
};

/// Who of a definition is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Those that records are told to.
    Output,
    /// Those that are told of the integration's own failures.
    Told,
}

/// The compiled definition.
#[derive(Debug)]
pub(crate) struct Plan {
    wording: Wording,
    once: Option<(Expr, Span)>,
    quiet_hours: Option<QuietHours>,
    /// Everyone, by place.
    pub(crate) places: Vec<Place>,
}

/// One recipient.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) at: u16,
    /// Those that stand in for it.
    pub(crate) fallback: Range<u16>,
    role: Option<Role>,
    matching: Patterns,
    urgency: Vec<Urgency>,
    mention: Vec<(Patterns, Vec<String>)>,
    pub(crate) batch: Option<Window>,
}

impl Plan {
    /// Reads a definition; the error is one sentence.
    pub(crate) fn compile(integration: &Integration) -> Result<Self, String> {
        let places = integration.recipients().into_iter().map(|one| Place::compile(&one));
        let places = places.collect::<Result<_, _>>()?;
        let Output::Notify(notify) = &integration.output else {
            return Ok(Self { wording: Wording::default(), once: None, quiet_hours: None, places });
        };
        let once = notify.once_per.as_ref();
        let once = once.map(|once| Ok::<_, String>((Expr::compile(&once.key)?, once.span)));
        Ok(Self {
            wording: Wording::compile(notify.message.as_ref())?,
            once: once.transpose()?,
            quiet_hours: notify.quiet_hours.clone(),
            places,
        })
    }

    /// Writes what is to be said. The texts of a definition are about its records; of its own
    /// failures is told as their type suggests.
    pub(crate) fn notification(
        &self,
        role: Role,
        record: &Value,
        at: i64,
        urgency: Urgency,
    ) -> Notification {
        match role {
            Role::Output => self.wording.notification(record, at, urgency),
            Role::Told => Wording::default().notification(record, at, urgency),
        }
    }

    /// Returns what is told once in a while, and for how long; `None` when each is told. A key that
    /// cannot be found holds nothing back.
    pub(crate) fn thing(&self, role: Role, record: &Value) -> Option<(Digest, Span)> {
        let (key, span) = self.once.as_ref().filter(|_| role == Role::Output)?;
        let key = key.first(record).ok().flatten().filter(|key| !key.is_null())?;
        Some((Digest::of(&[key.to_string().as_bytes()]), *span))
    }

    /// Returns when the quiet hours end that a run began in; what is urgent knows none.
    pub(crate) fn quiet_until(&self, role: Role, urgency: Urgency, began: i64) -> Option<i64> {
        let hours = self.quiet_hours.as_ref()?;
        let is_quiet = role == Role::Output && urgency != Urgency::High;
        is_quiet.then(|| ferrule_core::quiet::quiet_until(hours, began))?
    }

    /// Returns those of a role; those that stand in are not asked first.
    pub(crate) fn of(&self, role: Role) -> impl Iterator<Item = &Place> {
        self.places.iter().filter(move |place| place.role == Some(role))
    }
}

impl Place {
    fn compile(listed: &Listed<'_>) -> Result<Self, String> {
        let recipient = listed.recipient;
        let mention = recipient.mention.iter();
        let mention =
            mention.map(|one| Ok::<_, String>((Patterns::new(&one.matching)?, one.who.clone())));
        let role = if listed.is_told { Role::Told } else { Role::Output };
        Ok(Self {
            at: listed.at,
            fallback: listed.fallback.clone(),
            role: (!listed.is_fallback).then_some(role),
            matching: Patterns::new(&recipient.matching)?,
            urgency: recipient.urgency.clone(),
            mention: mention.collect::<Result<_, _>>()?,
            batch: recipient.batch,
        })
    }

    /// Tells whether a notification is for it.
    pub(crate) fn wants(&self, notification: &Notification) -> bool {
        let is_meant = is_about(&self.matching, &notification.subject);
        is_meant && (self.urgency.is_empty() || self.urgency.contains(&notification.urgency))
    }

    /// Returns whom to call by name, each once.
    pub(crate) fn mentions(&self, subject: &str) -> Vec<String> {
        let mut who: Vec<String> = Vec::new();
        for (_, names) in self.mention.iter().filter(|(patterns, _)| is_about(patterns, subject)) {
            who.extend(
                names.iter().filter(|name| !who.contains(name)).cloned().collect::<Vec<_>>(),
            );
        }
        who
    }
}

fn is_about(patterns: &Patterns, subject: &str) -> bool {
    patterns.is_empty() || patterns.matches(subject)
}
