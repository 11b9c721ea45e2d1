//! Who is called by name: only whom the definition names, never what stands in a text.

use ferrule_connector::Notification;

use crate::{blocks::SECTION, text::escape};

/// Shortest id of a user or a group.
const SHORTEST: usize = 6;

/// Writes everybody who is to be called, of a digest's parts too; `None` when that is nobody.
pub(crate) fn all(notification: &Notification) -> Option<String> {
    let parts = notification.digest.iter().flat_map(|part| &part.mentions);
    let mut names: Vec<String> = Vec::new();
    let mut used = 0;
    for who in notification.mentions.iter().chain(parts) {
        let name = name(who);
        let width = name.len() + 1;
        if !names.contains(&name) && used + width <= SECTION {
            used += width;
            names.push(name);
        }
    }
    (!names.is_empty()).then(|| names.join(" "))
}

/// Writes one. What is no id stays text, so that people see what is wrong.
fn name(who: &str) -> String {
    let who = who.trim();
    match who.trim_start_matches('@') {
        group @ ("here" | "channel" | "everyone") => format!("<!{group}>"),
        id if is_id(id, &['U', 'W']) => format!("<@{id}>"),
        id if is_id(id, &['S']) => format!("<!subteam^{id}>"),
        _ => escape(who, 100),
    }
}

fn is_id(text: &str, kinds: &[char]) -> bool {
    text.len() >= SHORTEST
        && text.starts_with(kinds)
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(who: &[&str]) -> Option<String> {
        let mentions = who.iter().map(|one| (*one).to_owned()).collect();
        all(&Notification { mentions, ..Notification::default() })
    }

    #[test]
    fn users_groups_and_everybody_are_called() {
        let text = names(&["U024BE7LH", "S0615G0KT", "@here", "channel", "W012A3CDE"]).unwrap();
        assert_eq!(text, "<@U024BE7LH> <!subteam^S0615G0KT> <!here> <!channel> <@W012A3CDE>");
        assert_eq!(names(&[]), None);
        assert_eq!(names(&["here", "@here"]).unwrap(), "<!here>");
    }

    #[test]
    fn what_is_no_id_stays_text() {
        assert_eq!(names(&["alice", "<!channel>"]).unwrap(), "alice &lt;!channel&gt;");
        assert_eq!(names(&["USER NAME", "U1"]).unwrap(), "USER NAME U1");
    }
}
