//! What is logged, and how. `lambda_runtime` would do the same with a filter for each module, whose
//! patterns take 0.2 MiB in every function.

use tracing::level_filters::LevelFilter;

/// Starts logging, in the level and format that Lambda's logging controls ask for. Call it once,
/// first thing in `main`.
#[expect(clippy::disallowed_methods, reason = "what Lambda itself sets; read before the settings")]
pub fn init() {
    let set = |name| std::env::var(name).unwrap_or_default();
    let lines = tracing_subscriber::fmt()
        .with_target(false)
        .without_time()
        .with_max_level(level(&set("AWS_LAMBDA_LOG_LEVEL")));
    if set("AWS_LAMBDA_LOG_FORMAT").eq_ignore_ascii_case("json") {
        lines.json().init();
    } else {
        lines.init();
    }
}

/// Reads a level as Lambda writes it; `INFO` is its default and ours.
fn level(text: &str) -> LevelFilter {
    match text {
        "" => LevelFilter::INFO, // which would be read as ERROR
        "FATAL" => LevelFilter::ERROR,
        text => text.parse().unwrap_or(LevelFilter::INFO),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_levels_of_lambda() {
        for (text, expected) in [
            ("", LevelFilter::INFO),
            ("INFO", LevelFilter::INFO),
            ("WARN", LevelFilter::WARN),
            ("ERROR", LevelFilter::ERROR),
            ("FATAL", LevelFilter::ERROR),
            ("DEBUG", LevelFilter::DEBUG),
            ("gibberish", LevelFilter::INFO),
        ] {
            assert_eq!(level(text), expected, "{text}");
        }
    }
}
