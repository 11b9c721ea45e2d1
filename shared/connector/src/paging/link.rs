//! Reads `Link` headers (RFC 8288).

use http::{HeaderMap, header};

/// Finds the target with `rel="next"` in the `Link` headers of which there can be
/// several, each with several links.
pub(super) fn next_link(headers: &HeaderMap) -> Option<String> {
    let lines = headers.get_all(header::LINK).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(links).find(|(_, rel)| is_next(rel)).map(|(target, _)| target)
}

fn is_next(rel: &str) -> bool {
    rel.split_ascii_whitespace().any(|word| word.eq_ignore_ascii_case("next"))
}

/// Splits `<target>; rel="next"; title="a, b", <…>` into targets and their relations.
fn links(line: &str) -> Vec<(String, String)> {
    let mut links = Vec::new();
    let mut rest = line;
    while let Some((_, after)) = rest.split_once('<') {
        let Some((target, after)) = after.split_once('>') else { break };
        let (params, after) = split_params(after);
        rest = after;
        // Only the first `rel` counts.
        let rel = params.iter().find(|(name, _)| name.eq_ignore_ascii_case("rel"));
        links.push((target.trim().to_owned(), rel.map(|(_, rel)| rel.clone()).unwrap_or_default()));
    }
    links
}

/// Reads `; name=value; name="quoted, value"` up to the comma that ends the link.
fn split_params(text: &str) -> (Vec<(String, String)>, &str) {
    let (mut params, mut name, mut value) = (Vec::new(), String::new(), None::<String>);
    let (mut is_quoted, mut is_escaped, mut end) = (false, false, text.len());
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => {
                is_escaped = false;
                value.get_or_insert_default().push(c);
            }
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ if is_quoted => value.get_or_insert_default().push(c),
            ',' => {
                end = at;
                break;
            }
            ';' => params.push((take(&mut name), value.take().unwrap_or_default())),
            '=' if value.is_none() => value = Some(String::new()),
            c if c.is_whitespace() => {}
            c => value.as_mut().unwrap_or(&mut name).push(c),
        }
    }
    params.push((take(&mut name), value.unwrap_or_default()));
    (params, &text[end..])
}

fn take(text: &mut String) -> String {
    std::mem::take(text)
}
