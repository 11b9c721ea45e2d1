//! A table that fits the terminal.

use std::io::{IsTerminal, stdout};

use comfy_table::{
    Cell, CellAlignment, ContentArrangement, ContentLineStyle, LineStyle, Row, Table, TableStyle,
};

use super::plain;

/// Width where there is no terminal to ask.
const WIDTH: u16 = 120;

/// A line below the headings, and no other.
const STYLE: TableStyle = TableStyle::new()
    .header_lines(ContentLineStyle::new(' ', ' ', ' '))
    .header_separator(LineStyle::new(' ', '\u{2500}', ' ', ' '))
    .content_lines(ContentLineStyle::new(' ', ' ', ' '));

/// Longest text of one cell.
const CELL_CHARS: usize = 200;

/// A table that fits the terminal.
#[derive(Debug, Clone)]
pub(crate) struct Grid {
    heads: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Grid {
    /// Makes an empty table with these columns.
    pub(crate) fn new<H: Into<String>>(heads: impl IntoIterator<Item = H>) -> Self {
        Self { heads: heads.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Adds a row. What a terminal would take for a command is made visible.
    pub(crate) fn add<C: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = C>) {
        self.rows.push(cells.into_iter().map(|cell| plain(cell.as_ref(), CELL_CHARS)).collect());
    }

    /// Tells whether there are no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns the table as text, numbers to the right.
    pub(crate) fn render(&self) -> String {
        let mut table = Table::new();
        table.load_style(STYLE);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        if !stdout().is_terminal() {
            table.set_width(WIDTH);
        }
        table.set_header(self.heads.clone());
        for row in &self.rows {
            table.add_row(Row::from(row.iter().map(cell).collect::<Vec<_>>()));
        }
        table.trim_fmt()
    }
}

fn cell(text: &String) -> Cell {
    let digits = text.chars().filter(|c| !" ,.%ms".contains(*c));
    let is_number = text.starts_with(|c: char| c.is_ascii_digit())
        && digits.clone().next().is_some()
        && digits.clone().all(|c| c.is_ascii_digit());
    let alignment = if is_number { CellAlignment::Right } else { CellAlignment::Left };
    Cell::new(text).set_alignment(alignment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fits_in_its_width_whatever_stands_in_a_cell() {
        let mut grid = Grid::new(["number", "what"]);
        grid.add(["7", &"long words ".repeat(50)]);
        let widest = grid.render().lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(usize::from(WIDTH)), "{widest:?}");
    }

    #[test]
    fn a_record_cannot_give_the_terminal_orders() {
        let mut grid = Grid::new(["name"]);
        grid.add(["red \u{1b}[31m\rand\nmore"]);
        assert!(!grid.render().contains(['\u{1b}', '\r']));
    }
}
