//! Dollars: what was spent, on what, and when.

use serde_json::Value;

use super::{Grid, count};

/// Writes dollars with as many digits as tell something.
pub(crate) fn usd(value: &Value) -> String {
    match value.as_f64().unwrap_or(0.0) {
        usd if usd >= 0.995 => format!("${usd:.2}"),
        usd if usd >= 0.000_95 => format!("${usd:.4}"),
        usd if usd > 0.0 => format!("${usd:.7}"),
        _ => "$0".to_owned(),
    }
}

/// Returns what each day has cost.
pub(crate) fn days(cost: &Value) -> Grid {
    let mut grid = Grid::new(["day", "runs", "records", "dollars"]);
    for day in cost["days"].as_array().into_iter().flatten() {
        let number = |key: &str| count(day[key].as_u64().unwrap_or(0));
        let name = day["day"].as_str().unwrap_or_default().to_owned();
        grid.add([name, number("runs"), number("records"), usd(&day["usd"])]);
    }
    grid
}

/// Returns what was used, the dearest first.
pub(crate) fn items(cost: &Value) -> Grid {
    let mut grid = Grid::new(["what", "how much", "dollars"]);
    let mut items: Vec<&Value> = cost["items"].as_array().into_iter().flatten().collect();
    let dear = |item: &Value| item["usd"].as_f64().unwrap_or(0.0);
    items.sort_by(|left, right| dear(right).total_cmp(&dear(left)));
    for item in items {
        let name = item["item"].as_str().unwrap_or_default().to_owned();
        let quantity = item["quantity"].as_f64().unwrap_or(0.0);
        grid.add([name, amount(quantity), usd(&item["usd"])]);
    }
    grid
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rounded to be read")]
fn amount(quantity: f64) -> String {
    if quantity < 100.0 { format!("{quantity:.1}") } else { count(quantity.round() as u64) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn dollars_have_as_many_digits_as_tell_something() {
        let shown = [0.0, 0.000_017, 0.0421, 12.5].map(|usd_of| usd(&json!(usd_of)));
        assert_eq!(shown, ["$0", "$0.0000170", "$0.0421", "$12.50"]);
    }

    #[test]
    fn the_dearest_item_is_the_first() {
        let cost = json!({"items": [
            {"item": "queue requests", "quantity": 1234.4, "usd": 0.0005},
            {"item": "table write units", "quantity": 12.0, "usd": 0.1},
        ]});
        let text = items(&cost).render();
        assert!(text.find("table").unwrap() < text.find("queue").unwrap(), "{text}");
        assert!(text.contains("1,234") && text.contains("12.0"), "{text}");
    }
}
