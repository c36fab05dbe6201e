use proptest::prelude::*;

use super::*;

fn read(text: &[u8]) -> Vec<Result<Object, BadRow>> {
    Objects::new(text).collect()
}

#[test]
fn objects_come_with_their_line_and_repeated_fields_stay_visible() {
    let read = read(b"\xef\xbb\xbf{\"a\":1}\r\n\n  \n{\"b\":\"x\",\"b\":null}");
    let first = read[0].as_ref().unwrap();
    assert_eq!((first.line, first.fields.len()), (1, 1));
    let second = read[1].as_ref().unwrap();
    assert_eq!(second.line, 4);
    assert_eq!(second.fields[0].0, second.fields[1].0);
}

#[test]
fn a_broken_line_is_named_without_its_text() {
    let read =
        read(b"{\"githubAccessToken\":\"gho_secret\"\n[1]\n\"gho_secret\"\n{\"a\":1} x\n{\"a\":\xff}\n{}\n");
    for (at, bad) in read[..5].iter().enumerate() {
        let bad = bad.as_ref().unwrap_err();
        assert_eq!(bad.line, u64::try_from(at).unwrap() + 1);
        assert!(!bad.problem.contains("secret"), "{}", bad.problem);
    }
    assert!(read[5].is_ok());
}

#[test]
fn long_and_deep_lines_are_refused() {
    let deep = "[".repeat(60_000);
    let text = format!("{{\"a\":{deep}\n{}\n{{}}\n", "x".repeat(LINE_LIMIT + 1));
    let read = read(text.as_bytes());
    assert_eq!(read.iter().map(Result::is_ok).collect::<Vec<_>>(), [false, false, true]);
}

proptest! {
    #[test]
    fn any_bytes_end_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), soup in "[{}\\[\\]\":,1a\\n]{0,60}") {
        let _ = read(&bytes);
        let _ = read(soup.as_bytes());
    }
}
