//! Block Kit, as much of it as is needed. <https://docs.slack.dev/reference/block-kit/blocks>

use serde::Serialize;

/// Most characters of a header.
pub(crate) const HEADER: usize = 150;
/// Most characters of a section's text.
pub(crate) const SECTION: usize = 3000;
/// Most fields of a section.
pub(crate) const FIELDS: usize = 10;
/// Most characters of a field.
pub(crate) const FIELD: usize = 2000;
/// Most blocks of a message.
pub(crate) const BLOCKS: usize = 50;
/// Most characters of `text` that Slack advises; it refuses more than 40,000.
pub(crate) const TEXT: usize = 4000;

/// What is posted: blocks, and a text for where there is no room for them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Message {
    pub(crate) text: String,
    pub(crate) blocks: Vec<Block>,
}

/// A block of a message.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Block {
    /// One large line.
    Header { text: Text },
    /// A paragraph.
    Section { text: Text },
    /// Labels and values, in two columns. Its own variant, so that no section is empty.
    #[serde(rename = "section")]
    Fields { fields: Vec<Text> },
    /// Small print.
    Context { elements: Vec<Text> },
}

/// Text within a block.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Text {
    /// As it stands.
    PlainText { text: String, emoji: bool },
    /// With formatting. `verbatim`: what looks like a link, a channel or a name stays text.
    Mrkdwn { text: String, verbatim: bool },
}

impl Text {
    pub(crate) fn plain(text: String) -> Self {
        Self::PlainText { text, emoji: false }
    }

    pub(crate) fn marked(text: String) -> Self {
        Self::Mrkdwn { text, verbatim: true }
    }

    fn len(&self) -> usize {
        let (Self::PlainText { text, .. } | Self::Mrkdwn { text, .. }) = self;
        text.encode_utf16().count()
    }
}

impl Block {
    pub(crate) fn section(text: String) -> Self {
        Self::Section { text: Text::marked(text) }
    }

    /// Counts its characters, as Slack does.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Header { text } | Self::Section { text } => text.len(),
            Self::Fields { fields: texts } | Self::Context { elements: texts } => {
                texts.iter().map(Text::len).sum()
            }
        }
    }
}
