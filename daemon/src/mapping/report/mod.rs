//! The plan as CSV: RFC 4180 with CRLF, stable order, safe to open in a spreadsheet. Written page by page.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::Write;

use cutover_shared::ids::InstallationId;
use cutover_shared::mapping::PlanItem;

#[cfg(test)]
mod tests;

/// The first line, with its end.
pub const HEADER: &str = "projectId,repoFullName,matchedInstallationId,confidence,nextSteps\r\n";

/// One line of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportRow<'a> {
    pub project: &'a str,
    pub repo_full_name: &'a str,
    /// Only when mapped.
    pub installation: Option<InstallationId>,
    /// In percent.
    pub confidence: u8,
    pub next_steps: &'a str,
}

impl<'a> From<&'a PlanItem> for ReportRow<'a> {
    fn from(item: &'a PlanItem) -> Self {
        Self {
            project: item.project.as_str(),
            repo_full_name: &item.repo_full_name,
            installation: item.to.installation,
            confidence: item.to.confidence,
            next_steps: &item.to.next_steps,
        }
    }
}

/// The order of the report: by project, then by the lower-case name, both by their bytes. This is not the order of
/// link keys: a project's id may hold characters that sort before the key's colon.
pub fn order(a: &ReportRow<'_>, b: &ReportRow<'_>) -> Ordering {
    a.project
        .cmp(b.project)
        .then_with(|| a.repo_full_name.to_lowercase().cmp(&b.repo_full_name.to_lowercase()))
        .then_with(|| a.repo_full_name.cmp(b.repo_full_name))
}

/// Appends one line. The confidence is written as 0.00 to 1.00.
pub fn append_row(out: &mut String, row: &ReportRow<'_>) {
    append_cell(out, row.project);
    out.push(',');
    append_cell(out, row.repo_full_name);
    out.push(',');
    if let Some(id) = row.installation {
        let _ = write!(out, "{id}");
    }
    let _ = write!(out, ",{}.{:02},", row.confidence / 100, row.confidence % 100);
    append_cell(out, row.next_steps);
    out.push_str("\r\n");
}

/// One page of the report, in the order of `rows`; the first one begins with the header.
pub fn page<'a>(rows: impl IntoIterator<Item = ReportRow<'a>>, first: bool) -> String {
    let mut out = String::from(if first { HEADER } else { "" });
    for row in rows {
        append_row(&mut out, &row);
    }
    out
}

/// `cell` so that no spreadsheet takes it for a formula: one that begins with `= + - @`, a tab, or a line's end gets
/// an apostrophe in front.
pub fn formula_safe(cell: &str) -> Cow<'_, str> {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

fn append_cell(out: &mut String, cell: &str) {
    let cell = formula_safe(cell);
    if cell.contains(['"', ',', '\r', '\n']) {
        out.push('"');
        out.push_str(&cell.replace('"', "\"\""));
        out.push('"');
    } else {
        out.push_str(&cell);
    }
}
