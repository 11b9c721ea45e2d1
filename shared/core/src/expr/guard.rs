//! Looks at an expression before the parser does: it recurses, and must not do so without bound.

use jaq_core::load::lex::{StrPart, Tok, Token};

pub(super) const MAX_BYTES: usize = 8 * 1024;
pub(super) const MAX_DEPTH: usize = 40;
const MAX_TOKENS: usize = 600;

/// Most brackets open at one place. Quotes are not looked at: the lexer must never see a bomb.
pub(super) fn open_brackets(code: &str) -> usize {
    let (mut open, mut most) = (0_usize, 0);
    for byte in code.bytes() {
        match byte {
            b'(' | b'[' | b'{' => open += 1,
            b')' | b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        most = most.max(open);
    }
    most
}

/// Counts tokens, and refuses words that change what a program is and long rows of prefixes, on
/// which the parser would recurse.
pub(super) fn check_tokens(tokens: &[Token<&str>], count: &mut usize) -> Result<(), String> {
    let mut prefixes = 0;
    for Token(text, kind) in tokens {
        *count += 1;
        prefixes =
            if matches!(*text, "-" | "try" | "if" | "as" | "catch") { prefixes + 1 } else { 0 };
        if *count > MAX_TOKENS || prefixes > MAX_DEPTH {
            return Err(format!("an expression has at most {MAX_TOKENS} parts"));
        }
        match (kind, *text) {
            (Tok::Word, word @ ("def" | "reduce" | "foreach" | "label" | "break")) => {
                return Err(format!("{word} is not available: expressions always end"));
            }
            (Tok::Word, word @ ("import" | "include")) => {
                return Err(format!("{word} is not available: an expression stands alone"));
            }
            (Tok::Block(inner), _) => check_tokens(inner, count)?,
            (Tok::Str(parts), _) => {
                for part in parts {
                    if let StrPart::Term(token) = part {
                        check_tokens(std::slice::from_ref(token), count)?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}
