//! What types alone cannot say about triggers by events, and about who is told.

use std::time::Duration;

use super::check::Found;
use crate::{
    definition::{
        ConfigChangeTrigger, EventTrigger, Message, Notify, Output, Problem, QuietHours, Recipient,
        Window,
    },
    event::HUB_EVENTS,
    expr::Expr,
    pattern::Patterns,
    template::Template,
};

/// Most recipients of an integration, those that stand in included.
const MAX_RECIPIENTS: usize = 100;

const MAX_DIGEST: u16 = 100;
const MAX_WINDOW: Duration = Duration::from_hours(24);

impl Found {
    pub(super) fn config_change(&mut self, trigger: &ConfigChangeTrigger) {
        let at = "trigger.config_change.match";
        if trigger.matching.is_empty() {
            self.add(at, "write which keys, such as \"app.database.*\", or \"*\" for all");
        }
        self.check(at, Patterns::new(&trigger.matching));
    }

    pub(super) fn event(&mut self, trigger: &EventTrigger) {
        if trigger.types.is_empty() {
            self.add("trigger.event.type", format!("write one of {}", HUB_EVENTS.join(", ")));
        }
        for kind in trigger.types.iter().filter(|kind| !HUB_EVENTS.contains(&kind.as_str())) {
            let message = format!("there is no event {kind:?}; there is {}", HUB_EVENTS.join(", "));
            self.0.push(Problem::new("trigger.event.type", message).suggest(kind, HUB_EVENTS));
        }
        self.check("trigger.event.match", Patterns::new(&trigger.matching));
    }

    pub(super) fn output(&mut self, output: &Output, tell: &[Recipient]) {
        let mut count = tell.iter().map(|one| 1 + one.fallback.len()).sum::<usize>();
        self.recipients("tell", tell);
        if let Output::Notify(notify) = output {
            count += notify.to.iter().map(|one| 1 + one.fallback.len()).sum::<usize>();
            self.notify(notify);
        }
        if count > MAX_RECIPIENTS {
            self.add("output.notify", format!("at most {MAX_RECIPIENTS} recipients"));
        }
    }

    fn notify(&mut self, notify: &Notify) {
        if notify.to.is_empty() {
            self.add("output.notify", "name at least one recipient");
        }
        self.recipients("output.notify", &notify.to);
        if let Some(message) = &notify.message {
            self.message(message);
        }
        if let Some(once) = &notify.once_per {
            self.check("output.once_per.key", Expr::compile(&once.key));
            if once.span.duration().is_zero() {
                self.add("output.once_per.for", "write for how long, such as 1h");
            }
        }
        if let Some(quiet) = &notify.quiet_hours {
            self.quiet_hours(quiet);
        }
    }

    fn recipients(&mut self, at: &str, recipients: &[Recipient]) {
        for (index, one) in recipients.iter().enumerate() {
            let at = format!("{at}[{index}]");
            self.check(format!("{at}.match"), Patterns::new(&one.matching));
            for (index, mention) in one.mention.iter().enumerate() {
                let patterns = Patterns::new(&mention.matching);
                self.check(format!("{at}.mention[{index}].match"), patterns);
            }
            if let Some(window) = &one.batch {
                self.window(&format!("{at}.batch"), *window);
            }
            if one.useful_for.is_some_and(|span| span.duration().is_zero()) {
                self.add(format!("{at}.useful_for"), "write for how long, such as 1h");
            }
            for (index, fallback) in one.fallback.iter().enumerate() {
                if !fallback.fallback.is_empty() {
                    let at = format!("{at}.else[{index}].else");
                    self.add(at, "one that stands in has nobody that stands in for it");
                }
            }
            self.recipients(&format!("{at}.else"), &one.fallback);
        }
    }

    fn window(&mut self, at: &str, window: Window) {
        if window.size == 0 || window.size > MAX_DIGEST {
            self.add(format!("{at}.size"), format!("a digest has 1 to {MAX_DIGEST} notifications"));
        }
        let span = window.window.duration();
        if span.is_zero() || span > MAX_WINDOW {
            self.add(format!("{at}.window"), "a digest waits 1s to 1d");
        }
    }

    fn message(&mut self, message: &Message) {
        let texts = [("title", &message.title), ("text", &message.text)];
        for (key, text) in texts.into_iter().filter_map(|(key, text)| Some((key, text.as_ref()?))) {
            self.check(format!("output.message.{key}"), Template::compile(text));
        }
        let exprs = [("thread", &message.thread), ("resolved", &message.resolved)];
        for (key, expr) in exprs.into_iter().filter_map(|(key, expr)| Some((key, expr.as_ref()?))) {
            self.check(format!("output.message.{key}"), Expr::compile(expr));
        }
        for (label, expr) in message.fields.iter().flatten() {
            self.check(format!("output.message.fields.{label}"), Expr::compile(expr));
        }
    }

    fn quiet_hours(&mut self, quiet: &QuietHours) {
        for (key, time) in [("from", &quiet.from), ("to", &quiet.to)] {
            let parsed: Result<jiff::civil::Time, _> = format!("{time}:00").parse();
            if time.len() != 5 || parsed.is_err() {
                let at = format!("output.quiet_hours.{key}");
                self.add(at, format!("{time:?} is not a time of day such as 22:00"));
            }
        }
        if let Some(zone) = &quiet.zone {
            self.check("output.quiet_hours.zone", crate::engine::zone_of(zone));
        }
    }
}
