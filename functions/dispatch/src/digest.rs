//! Digests: collecting notifications, and sending them as one.

use std::time::Duration;

use ferrule_core::{
    Batch, Counts, Digest, Envelope, Failure, Field, Flush, Hops, Message, Notification, Record,
    Run, RunId, Task, Value,
    definition::{ROOM, piece_seq, same_piece},
};
use ferrule_store::{
    Claimed, Closed, Collector, Delivery, Due, MAX_DELAY, Member, Terms, envelope_of, fresh,
};

use crate::{
    Dispatch,
    tell::{as_record, most_urgent},
};

/// What came too late waits this long for more of its kind, where the recipient says nothing.
const LATE_WINDOW: Duration = Duration::from_mins(5);

/// Most members of such a digest.
const LATE_SIZE: usize = 100;

/// A member that is longer does not keep its record, and then not its long texts.
const MEMBER_BYTES: usize = 16 * 1024;

/// Characters that are left of a text that is too long, at first.
const TEXT_CHARS: usize = 500;

/// Most fields, and people called by name, of a member that is too long.
const MOST_FIELDS: usize = 40;
const MOST_MENTIONS: usize = 50;

/// No target has longer ids of people.
const MENTION_BYTES: usize = 100;

impl Dispatch {
    /// Puts notifications that outlived their use into the recipient's digest. Whoever found that
    /// out has counted them.
    pub(crate) async fn fold(&self, envelope: &Envelope, batch: &Batch) -> Result<(), Failure> {
        let at = batch.recipient.ok_or_else(|| {
            Failure::coded("TASK", "notifications to fold must say for which recipient")
        })?;
        let plan = self.plan(envelope).await?;
        let window = plan.places.get(usize::from(at)).and_then(|place| place.batch);
        let (span, size) = window.map_or((LATE_WINDOW, LATE_SIZE), |window| {
            (window.window.duration(), usize::from(window.size))
        });
        let span_ms = i64::try_from(self.store.scaled(span).as_millis()).unwrap_or(i64::MAX / 2);
        let due_at = self.store.clock.now_ms() + span_ms;
        let terms = Terms { lane: "late".into(), size, due_at, full_is_due: true };
        let members = batch.records.iter().map(|record| {
            let notification = record.value.to::<Notification>();
            let notification =
                notification.map_err(|e| Failure::coded("NOTIFICATION", e.to_string()))?;
            Ok(Member { id: notification.id.clone(), notification: slim(notification) })
        });
        let members = members.collect::<Result<Vec<_>, Failure>>()?;
        self.collect(envelope, at, terms, members).await
    }

    /// Adds members to a digest, and has it flushed when it is due.
    pub(crate) async fn collect(
        &self,
        envelope: &Envelope,
        at: u16,
        terms: Terms,
        members: Vec<Member>,
    ) -> Result<(), Failure> {
        if members.is_empty() {
            return Ok(());
        }
        let collector = Self::collector(envelope, at);
        let gate = self.gates.of(&envelope.tenant, &collector, &terms.lane);
        let add = |members: Vec<Member>| {
            let (collector, terms) = (&collector, &terms);
            async move {
                let due = self.store.add_to_digest(envelope, collector, terms, &members).await?;
                for due in due {
                    self.send_flush(envelope, at, due).await?;
                }
                Ok(())
            }
        };
        gate.pass(members, add).await
    }

    async fn send_flush(&self, envelope: &Envelope, at: u16, due: Due) -> Result<(), Failure> {
        let delay = self.store.until(due.at).min(MAX_DELAY);
        let flush = Task::Flush(Flush { recipient: at, digest: due.digest });
        let envelope = Envelope { not_before: due.at, ..fresh(envelope) };
        self.store.send("dispatch", vec![Message { envelope, task: flush }], delay).await
    }

    /// Closes a digest and sends it, as a run of its own; once, however often it is asked for. Only
    /// then nobody asks for it any more.
    pub(crate) async fn flush(&self, envelope: &Envelope, flush: &Flush) -> Result<(), Failure> {
        let tenant = &envelope.tenant;
        let collector = Self::collector(envelope, flush.recipient);
        if let Some(closed) = self.store.close_digest(tenant, &collector, &flush.digest).await? {
            self.send_closed(envelope, (flush, &collector), &closed).await?;
        }
        self.store.digest_is_sent(tenant, &collector, &flush.digest).await
    }

    async fn send_closed(
        &self,
        envelope: &Envelope,
        (flush, collector): (&Flush, &Collector),
        closed: &Closed,
    ) -> Result<(), Failure> {
        let tenant = &envelope.tenant;
        let members = self.store.digest_members(tenant, collector, closed).await?;
        let id = Digest::of(&[b"digest", flush.digest.as_bytes()]);
        let delivery = Delivery { integration: envelope.integration.clone(), id: id.clone() };
        let run = self.store.new_run_id();
        let run = self.digest_run(envelope, run, &members);
        let Claimed { run, is_sent } = self.store.claim_run(tenant, &delivery, run).await?;
        if is_sent {
            return Ok(());
        }
        let notification = together(id.to_string(), &envelope.integration, members);
        let record = as_record(&Record::default(), &notification)?;
        self.send_digest(&envelope_of(tenant, &run), flush.recipient, record).await?;
        self.store.run_is_sent(tenant, &delivery, &run.run).await
    }

    fn digest_run(&self, envelope: &Envelope, id: RunId, members: &[Notification]) -> Run {
        let (name, hash) = (envelope.integration.clone(), envelope.definition.clone());
        let mut run = Run::new(id, name, hash, "digest", self.store.clock.now_ms());
        run.progress.end(ROOM);
        run.counts = Counts { read: 1, ..Counts::default() };
        run.urgency = most_urgent(members);
        run.alert = envelope.alert;
        run.hops = farthest(members);
        run
    }

    async fn send_digest(
        &self,
        envelope: &Envelope,
        at: u16,
        record: Record,
    ) -> Result<(), Failure> {
        let batch = Batch { origin: "digest".into(), ..Batch::default() };
        self.send_part(envelope, &batch, at, vec![record]).await?;
        let plan = self.plan(envelope).await?;
        let fallback = plan.places.get(usize::from(at)).map(|place| place.fallback.clone());
        let all = std::iter::once(at).chain(fallback.into_iter().flatten());
        let seq = piece_seq(0, at, 0);
        let sent: Vec<u64> = all.map(|at| same_piece(seq, at)).collect();
        self.account(envelope, &batch, Counts::default(), sent).await
    }
}

/// How far a digest has come: as its farthest member.
fn farthest(members: &[Notification]) -> Hops {
    members.iter().map(|member| member.hops).max().unwrap_or_default()
}

/// Makes one notification of several.
fn together(id: String, of: &ferrule_core::Name, members: Vec<Notification>) -> Notification {
    let mut mentions: Vec<String> = Vec::new();
    for who in members.iter().flat_map(|member| &member.mentions) {
        if !mentions.contains(who) {
            mentions.push(who.clone());
        }
    }
    let title = match members.as_slice() {
        [only] => only.title.clone(),
        many => format!("{} notifications from {of}", many.len()),
    };
    Notification {
        id,
        kind: "digest".into(),
        at: members.iter().map(|member| member.at).max().unwrap_or_default(),
        subject: of.to_string(),
        title,
        urgency: most_urgent(&members),
        hops: farthest(&members),
        mentions,
        digest: members,
        ..Notification::default()
    }
}

/// Returns the notification as it waits for others: a long one without its record, and then with its
/// texts cut, ever shorter until it fits. Whatever it says, it can be kept.
pub(crate) fn slim(mut notification: Notification) -> Notification {
    if size_of(&notification) <= MEMBER_BYTES {
        return notification;
    }
    notification.record = Value::Null;
    let mut chars = TEXT_CHARS;
    while size_of(&notification) > MEMBER_BYTES && chars > 0 {
        notification = shortened(notification, chars);
        chars /= 2;
    }
    notification
}

/// Cuts every text to so many characters, and every list to what people read.
fn shortened(notification: Notification, chars: usize) -> Notification {
    let cut = |text: &str| cut_text(text, chars);
    let field = |Field { name, value }: Field| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let is_long = text.chars().nth(chars).is_some();
        Field { name: cut(&name), value: if is_long { Value::from(cut(&text)) } else { value } }
    };
    let mentions = notification.mentions.into_iter().filter(|who| who.len() <= MENTION_BYTES);
    Notification {
        kind: cut(&notification.kind),
        subject: cut(&notification.subject),
        title: cut(&notification.title),
        text: notification.text.as_deref().map(cut),
        thread: notification.thread.as_deref().map(cut),
        fields: notification.fields.into_iter().take(MOST_FIELDS).map(field).collect(),
        mentions: mentions.take(MOST_MENTIONS).collect(),
        digest: Vec::new(),
        ..notification
    }
}

fn size_of(notification: &Notification) -> usize {
    Value::of(notification).map_or(0, |value| value.to_string().len())
}

fn cut_text(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((at, _)) => format!("{}\u{2026}", &text[..at]),
        None => text.to_owned(),
    }
}
