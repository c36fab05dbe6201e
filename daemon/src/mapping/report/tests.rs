use proptest::prelude::*;

use super::*;

fn row<'a>(project: &'a str, name: &'a str, next_steps: &'a str) -> ReportRow<'a> {
    ReportRow {
        project,
        repo_full_name: name,
        installation: Some(InstallationId(7)),
        confidence: 100,
        next_steps,
    }
}

#[test]
fn the_report_is_written_to_the_letter() {
    let rows = [
        row("p1", "acme/site", ""),
        ReportRow { installation: None, confidence: 60, ..row("p2", "acme/x", "Look, \"now\"") },
        ReportRow { confidence: 5, ..row("=1+1", "acme/y", "@SUM(A1)") },
    ];
    assert_eq!(
        page(rows, true),
        "projectId,repoFullName,matchedInstallationId,confidence,nextSteps\r\n\
         p1,acme/site,7,1.00,\r\n\
         p2,acme/x,,0.60,\"Look, \"\"now\"\"\"\r\n\
         '=1+1,acme/y,7,0.05,'@SUM(A1)\r\n"
    );
}

#[test]
fn pages_put_together_are_the_whole() {
    let rows = [row("p1", "a/b", "x"), row("p2", "a/b", "y")];
    assert_eq!(page(rows, true), page([rows[0]], true) + &page([rows[1]], false));
}

#[test]
fn the_order_is_by_project_and_lower_case_name() {
    let mut rows = [row("p-1", "a/b", ""), row("p", "b/C", ""), row("p", "B/a", ""), row("P", "z/z", "")];
    rows.sort_by(order);
    let names: Vec<_> = rows.iter().map(|row| (row.project, row.repo_full_name)).collect();
    assert_eq!(names, [("P", "z/z"), ("p", "B/a"), ("p", "b/C"), ("p-1", "a/b")]);
}

proptest! {
    #[test]
    fn a_csv_reader_reads_back_what_was_written(
        cells in proptest::collection::vec(
            ("[=+@\\t\\r\\n\",;'a-]{0,6}", any::<String>(), any::<String>(), 0..=100_u8), 0..6)
    ) {
        let rows = cells.iter().map(|(project, name, next, confidence)| ReportRow {
            project, repo_full_name: name, installation: None, confidence: *confidence, next_steps: next,
        });
        let text = page(rows, true);
        let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(text.as_bytes());
        prop_assert_eq!(reader.headers().unwrap().len(), 5);
        let read: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(read.len(), cells.len());
        for (read, (project, name, next, confidence)) in read.iter().zip(&cells) {
            for (at, cell) in [(0, project), (1, name), (4, next)] {
                prop_assert_eq!(&read[at], &*formula_safe(cell));
                prop_assert!(!read[at].starts_with(['=', '+', '-', '@', '\t', '\r']));
            }
            let written: f64 = read[3].parse().unwrap();
            prop_assert!((written * 100.0 - f64::from(*confidence)).abs() < 0.001);
        }
    }
}
