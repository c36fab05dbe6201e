use proptest::prelude::*;

use super::*;

fn read(text: &[u8]) -> Vec<Result<Record, Broken>> {
    Records::new(text).collect()
}

fn cells(text: &str) -> Vec<(u64, Vec<String>)> {
    read(text.as_bytes())
        .into_iter()
        .map(|record| record.map(|record| (record.line, record.cells)).unwrap())
        .collect()
}

fn record(line: u64, cells: &[&str]) -> (u64, Vec<String>) {
    (line, cells.iter().map(|cell| (*cell).to_owned()).collect())
}

#[test]
fn marks_line_ends_quotes_and_blank_lines_are_understood() {
    let text = "\u{feff}a,b\r\n\r\n\"x\"\"y\",\"1\r\n2\"\n,\n,,\r\nz,";
    assert_eq!(cells(text), [record(1, &["a", "b"]), record(3, &["x\"y", "1\r\n2"]), record(7, &["z", ""])]);
}

#[test]
fn a_stray_quote_costs_its_own_record_only() {
    let read = read(b"a\"b,c\nx,y\n\"q\"r,s\nz\n");
    let problem = |at: usize| match &read[at] {
        Err(Broken::Record(bad)) => (bad.line, bad.problem.as_str()),
        other => panic!("{other:?}"),
    };
    assert_eq!(problem(0).0, 1);
    assert!(read[1].is_ok());
    assert_eq!(problem(2).0, 3);
    assert!(problem(2).1.starts_with("cell 1: text after the closing quote"));
    assert!(read[3].is_ok());
}

#[test]
fn an_open_quote_ends_the_file_and_names_its_line() {
    let mut text = b"a,b\nc,\"d\n".to_vec();
    text.extend(std::iter::repeat_n(b'x', 10));
    for tail in [0, 70_000] {
        let mut text = text.clone();
        text.extend(b"e,f\n".repeat(tail));
        let read = read(&text);
        assert_eq!(read.len(), 2);
        assert!(matches!(&read[1], Err(Broken::Rest(bad)) if bad.line == 2), "{:?}", read[1]);
    }
}

#[test]
fn a_long_line_costs_its_own_record_only_and_little_memory() {
    let mut text = b"a\n".to_vec();
    text.extend(std::iter::repeat_n(b'x', 3 * LINE_LIMIT));
    text.extend(b"\nb\n");
    let read = read(&text);
    assert!(matches!(&read[1], Err(Broken::Record(bad)) if bad.line == 2));
    assert!(matches!(&read[2], Ok(record) if record.line == 3));
    let fits = "x".repeat(LINE_LIMIT);
    assert_eq!(cells(&fits).len(), 1);
    assert_eq!(cells(&format!("{fits}\n")).len(), 1);
}

#[test]
fn what_is_not_utf_8_is_named() {
    let read = read(b"a,\xff\nb,c\n");
    assert!(matches!(&read[0], Err(Broken::Record(bad)) if bad.problem.starts_with("cell 2 is not UTF-8")));
    assert!(read[1].is_ok());
}

proptest! {
    #[test]
    fn what_the_csv_crate_writes_is_read_back(
        rows in proptest::collection::vec(proptest::collection::vec("[a\",\\r\\né ]{0,5}", 3), 1..8), crlf in any::<bool>()
    ) {
        let terminator = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        let mut writer = csv::WriterBuilder::new().terminator(terminator).from_writer(Vec::new());
        for row in &rows {
            writer.write_record(row).unwrap();
        }
        let text = writer.into_inner().unwrap();
        let read: Vec<Vec<String>> =
            read(&text).into_iter().map(|record| record.map(|record| record.cells).unwrap()).collect();
        let written: Vec<Vec<String>> =
            rows.into_iter().filter(|row| row.iter().any(|cell| !cell.is_empty())).collect();
        prop_assert_eq!(read, written);
    }

    #[test]
    fn any_bytes_end_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), soup in "[\",\\r\\na]{0,60}") {
        let _ = read(&bytes);
        let _ = read(soup.as_bytes());
    }
}
