//! The regular expressions of `test`, `capture`, `sub` and `gsub`.

use std::sync::Arc;

use regex::RegexBuilder;

use super::{
    function::Function,
    lower::{Node, Op},
};
use crate::Value;

/// Compiles the regular expression of `test`, `capture`, `sub` and `gsub`: linear in its input.
pub(super) fn compile(name: &str, function: Function, mut args: Vec<Node>) -> Result<Node, String> {
    let literal = |node: &Node| match &node.op {
        Op::Const(Value::String(text)) => Ok(text.to_string()),
        _ => Err(format!("{name} needs its regular expression and flags written out as texts")),
    };
    let regex_text = literal(&args.remove(0))?;
    let has_flags = matches!(
        function,
        Function::TestFlags | Function::CaptureFlags | Function::SubFlags | Function::GsubFlags
    );
    let flags = match args.pop() {
        Some(node) if has_flags => literal(&node)?,
        Some(node) => {
            args.push(node);
            String::new()
        }
        None => String::new(),
    };
    let mut builder = RegexBuilder::new(&regex_text);
    builder.size_limit(256 * 1024).dfa_size_limit(256 * 1024);
    let mut global = false;
    for flag in flags.chars() {
        match flag {
            'i' => _ = builder.case_insensitive(true),
            'x' => _ = builder.ignore_whitespace(true),
            's' => _ = builder.dot_matches_new_line(true),
            'g' => global = true,
            other => return Err(format!("{name} has no flag {other:?}: use i, x, s or g")),
        }
    }
    let regex = builder.build().map_err(|error| {
        format!("{regex_text:?} is not a regular expression: {}", last_line(&error.to_string()))
    })?;
    let function = match (function, global) {
        (Function::SubFlags, true) | (Function::Gsub | Function::GsubFlags, _) => Function::Gsub,
        (Function::SubFlags | Function::Sub, _) => Function::Sub,
        (Function::Test | Function::TestFlags, _) => Function::Test,
        _ => Function::Capture,
    };
    let single = args.iter().all(|node| node.single);
    if !single {
        return Err(format!("{name} needs a replacement with exactly one result"));
    }
    Ok(Node {
        op: Op::Match(function, Arc::new(regex), args),
        single: function != Function::Capture,
    })
}

/// The regex crate draws its problem over several lines; the last one says it.
fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or(text).trim_start_matches("error: ")
}
