//! Writes a view to a file, window by window, so that no view is ever whole in memory. The file appears when it is whole.

use cutover_shared::page::MAX_ROWS;
use cutover_shared::window::WindowAsk;

use crate::conn::Conn;
use crate::file::NewFile;
use crate::plain::clean;
use crate::state::list::{Column, Moment, Spec};
use crate::state::{ExportFormat, Subject, ViewExport};

/// More rows than any view should have; a list that grows while it is read must end.
const MOST: u64 = 5_000_000;

/// Writes the view; answers the file and how many rows it has.
pub async fn export(conn: &Conn, view: &ViewExport) -> Result<(String, u64), String> {
    let spec = view.list.spec();
    let columns: Vec<&Column> = view
        .columns
        .iter()
        .filter_map(|name| spec.columns.iter().find(|column| column.name == name))
        .collect();
    let mut file = NewFile::begin(&view.path).map_err(|error| format!("{}: {error}", view.path.display()))?;
    let mut rows = 0;
    if view.format == ExportFormat::Csv {
        file.append(&line(columns.iter().map(|column| column.name))?).map_err(|error| error.to_string())?;
    }
    loop {
        let window = ask(conn, spec, view, rows).await?;
        for row in &window.rows {
            let text = match view.format {
                ExportFormat::Csv => {
                    let cells =
                        columns.iter().map(|column| (column.cell)(row, Moment { now: view.now }).text);
                    line(cells.map(|text| harmless(&text)))?
                }
                ExportFormat::JsonLines => json(row)? + "\n",
            };
            file.append(&text).map_err(|error| error.to_string())?;
        }
        rows += u64::try_from(window.rows.len()).unwrap_or(0);
        if window.rows.is_empty() || rows >= window.total || rows >= MOST {
            break;
        }
    }
    file.commit().map_err(|error| error.to_string())?;
    Ok((clean(&view.path.to_string_lossy()).into_owned(), rows))
}

async fn ask(
    conn: &Conn,
    spec: &Spec,
    view: &ViewExport,
    offset: u64,
) -> Result<cutover_shared::window::Window<Subject>, String> {
    let ask = WindowAsk { filter: view.filter.clone(), sort: view.sort.clone(), offset, limit: MAX_ROWS };
    let answer = conn.query((spec.query)(view.of.as_ref(), ask)).await.map_err(|error| error.message)?;
    let window = (spec.take)(view.of.as_ref(), answer).ok_or("the daemon gave another answer")?;
    // A list that became shorter answers its end again: those rows are written already.
    if window.offset < offset {
        return Ok(cutover_shared::window::Window { rows: Vec::new(), ..window });
    }
    Ok(window)
}

/// What a spreadsheet would take for a formula is led by a quote.
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

/// One line of CSV, as RFC 4180 wants it.
fn line(cells: impl Iterator<Item = impl AsRef<str>>) -> Result<String, String> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let cells: Vec<String> = cells.map(|cell| cell.as_ref().to_owned()).collect();
    writer.write_record(&cells).map_err(|error| error.to_string())?;
    let bytes = writer.into_inner().map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|error| error.to_string())
}

/// The row as the daemon told it, the same that the command line prints with `--json`.
fn json(row: &Subject) -> Result<String, String> {
    let text = match row {
        Subject::Link(view) => serde_json::to_string(view),
        Subject::Tenant(view) => serde_json::to_string(view),
        Subject::Run(view) => serde_json::to_string(view),
        Subject::Item { item, .. } => serde_json::to_string(item),
        Subject::Token(view) => serde_json::to_string(view),
        Subject::Record(view) => serde_json::to_string(view),
        Subject::Attention(view) => serde_json::to_string(view),
        Subject::Delivery(view) => serde_json::to_string(view),
        Subject::Installation(view) => serde_json::to_string(view),
        Subject::Workflow(view) => serde_json::to_string(view),
        Subject::Rollout(line) => serde_json::to_string(line),
        Subject::Instance(view) => serde_json::to_string(view),
    };
    text.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_would_obey_is_led_by_a_quote() {
        for bad in ["=1+1", "+1", "-1", "@x"] {
            assert_eq!(harmless(bad), format!("'{bad}"));
        }
        assert_eq!(harmless("a=b"), "a=b");
        assert_eq!(line(["a,b", "c\"d"].iter()).unwrap(), "\"a,b\",\"c\"\"d\"\r\n");
    }
}
