//! How a notification looks in Slack.

use ferrule_connector::{Field, Notification, Urgency};
use jiff::Timestamp;

use crate::{
    blocks::{BLOCKS, Block, FIELD, FIELDS, HEADER, Message, SECTION, TEXT, Text},
    mention,
    text::{escape, line, shown},
};

/// Most characters of all blocks: Slack refuses messages that are much longer (`msg_blocks_too_long`
/// names no limit), and nobody reads them.
const ALL: usize = 12_000;

/// Most characters of a label.
const LABEL: usize = 100;

/// Most characters of one entry of a digest.
const ENTRY: usize = 600;

/// Most characters of a value in a digest.
const ENTRY_VALUE: usize = 80;

/// Fields that an entry of a digest shows, by their labels.
const OLD_AND_NEW: [&str; 2] = ["Old value", "New value"];

/// Writes the message of a notification, or of a digest of several.
pub(crate) fn message(notification: &Notification) -> Message {
    let mut room = Room { blocks: Vec::new(), left: ALL };
    room.add(header(notification));
    if let Some(names) = mention::all(notification) {
        room.add(Block::section(names));
    }
    if let Some(text) = notification.text.as_deref().filter(|text| !text.trim().is_empty()) {
        room.add(Block::section(escape(text.trim(), SECTION)));
    }
    let context = context(notification);
    // What is at the end has its place first.
    room.left -= context.len();
    if notification.digest.is_empty() {
        fields(&notification.fields, &mut room);
    } else {
        entries(&notification.digest, &mut room);
    }
    room.blocks.push(context);
    Message { text: fallback(notification), blocks: room.blocks }
}

/// What is written so far, and how much may follow.
struct Room {
    blocks: Vec<Block>,
    left: usize,
}

impl Room {
    /// Adds a block when there is room for it: the last two places are for a line that says what is
    /// missing, and for the context.
    fn add(&mut self, block: Block) -> bool {
        let size = block.len();
        let fits = size <= self.left && self.blocks.len() + 2 < BLOCKS;
        if fits {
            self.left -= size;
            self.blocks.push(block);
        }
        fits
    }
}

fn title(notification: &Notification) -> String {
    let Notification { title, kind, digest, .. } = notification;
    let title = if title.trim().is_empty() { kind } else { title };
    match digest.len() {
        0 => title.clone(),
        count if title.contains(&count.to_string()) => title.clone(),
        count => format!("{title} ({count})"),
    }
}

fn header(notification: &Notification) -> Block {
    let sign = match notification.urgency {
        _ if notification.resolved => "✅ ",
        Urgency::High => "🔴 ",
        Urgency::Medium | Urgency::Low => "",
    };
    Block::Header { text: Text::plain(line(&format!("{sign}{}", title(notification)), HEADER)) }
}

/// What a phone shows on its lock screen, and a client that knows no blocks.
fn fallback(notification: &Notification) -> String {
    let text = notification.text.as_deref().unwrap_or_default();
    escape(format!("{}\n{text}", title(notification)).trim(), TEXT)
}

/// Type, subject, urgency and time. Each reader sees the time in a zone of his own.
fn context(notification: &Notification) -> Block {
    let Notification { kind, subject, urgency, at, .. } = notification;
    let mut elements = vec![Text::marked(shown(&kind.as_str().into(), LABEL))];
    if !subject.is_empty() && !title(notification).contains(subject.as_str()) {
        elements.push(Text::marked(shown(&subject.as_str().into(), 2 * LABEL)));
    }
    match urgency {
        Urgency::High => elements.push(Text::marked("urgent".to_owned())),
        Urgency::Low => elements.push(Text::marked("low urgency".to_owned())),
        Urgency::Medium => {}
    }
    elements.push(Text::marked(time(*at)));
    Block::Context { elements }
}

fn time(at_ms: i64) -> String {
    let at = Timestamp::from_millisecond(at_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    let plain = at.strftime("%Y-%m-%d %H:%M:%S UTC");
    format!("<!date^{}^{{date_short_pretty}} {{time_secs}}|{plain}>", at.as_second())
}

/// Labels and values, ten a block. What does not fit is counted.
fn fields(fields: &[Field], room: &mut Room) {
    for (at, some) in fields.chunks(FIELDS).enumerate() {
        let block = Block::Fields { fields: some.iter().map(field).collect() };
        if !room.add(block) {
            let left = fields.len() - at * FIELDS;
            room.blocks.push(Block::section(format!("_… and {left} more fields_")));
            return;
        }
    }
}

fn field(field: &Field) -> Text {
    let label = line(&field.name, LABEL);
    let most = FIELD - label.encode_utf16().count() - "**\n".len();
    Text::marked(format!("*{label}*\n{}", shown(&field.value, most)))
}

/// One entry a line, as many as there is room for. What does not fit is counted.
fn entries(digest: &[Notification], room: &mut Room) {
    let mut text = String::new();
    for (at, one) in digest.iter().enumerate() {
        let entry = entry(one);
        let (size, used) = (entry.encode_utf16().count() + 1, text.encode_utf16().count());
        if used + size > SECTION && !room.add(Block::section(std::mem::take(&mut text))) {
            return;
        }
        // Room for a line that says how many more there are.
        if text.encode_utf16().count() + size + LABEL > room.left {
            text.push_str(&format!("_… and {} more_", digest.len() - at));
            break;
        }
        text.push_str(&entry);
        text.push('\n');
    }
    room.add(Block::section(text));
}

fn entry(one: &Notification) -> String {
    let value = |label: &str| one.fields.iter().find(|field| field.name == label);
    let [old, new] = OLD_AND_NEW.map(value);
    let shown = |field: Option<&Field>| {
        field.map_or_else(|| "_none_".to_owned(), |field| shown(&field.value, ENTRY_VALUE))
    };
    let title = line(&title(one), ENTRY / 2);
    match (old, new) {
        (None, None) => format!("• {title}"),
        _ => format!("• {title}: {} → {}", shown(old), shown(new)),
    }
}

#[cfg(test)]
mod tests;
