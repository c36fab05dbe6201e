#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use proptest::prelude::*;

use super::*;

fn all(parts: &[&[u8]]) -> Vec<(String, String)> {
    let (mut events, mut seen) = (Events::new(), Vec::new());
    for part in parts {
        let _ = events.feed(part, |event| {
            seen.push((event.name, String::from_utf8_lossy(&event.data).into_owned()));
            ControlFlow::Continue(())
        });
    }
    seen
}

fn event(name: &str, data: &str) -> (String, String) {
    (name.to_owned(), data.to_owned())
}

#[test]
fn a_stream_is_read_as_the_standard_says() {
    let text = b"\xef\xbb\xbf: hello\nretry: 5\n\nevent: chunk\ndata: a\ndata:  b\nid: 7\n\ndata:x\r\n\r\n\
                 event:done\r\rdata\n\nevent: cut\ndata: off";
    let expected = [event("chunk", "a\n b"), event("message", "x"), event("done", ""), event("message", "")];
    assert_eq!(all(&[text]), expected);
}

#[test]
fn nothing_is_handed_over_behind_the_last_one_wanted() {
    let mut count = 0;
    let flow = Events::new().feed(b"data: 1\n\ndata: 2\n\n", |_| {
        count += 1;
        ControlFlow::Break(())
    });
    assert_eq!((flow, count), (ControlFlow::Break(()), 1));
}

/// Lines out of what matters, and of what does not.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        Just(b"data: a".to_vec()),
        Just(b"data:".to_vec()),
        Just(b"event: done".to_vec()),
        Just(b"event:x".to_vec()),
        Just(b": c".to_vec()),
        Just(Vec::new()),
        prop::collection::vec(any::<u8>(), 0..6),
    ];
    let end = prop_oneof![Just(&b"\n"[..]), Just(&b"\r\n"[..]), Just(&b"\r"[..])];
    prop::collection::vec((word, end), 0..24)
        .prop_map(|lines| lines.into_iter().flat_map(|(line, end)| [line, end.to_vec()].concat()).collect())
}

proptest! {
    #[test]
    fn it_does_not_matter_where_parts_end(text in stream(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8)) {
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.index(text.len() + 1)).collect();
        cuts.sort_unstable();
        let mut parts = Vec::new();
        let mut from = 0;
        for cut in cuts.into_iter().chain([text.len()]) {
            parts.push(&text[from..cut]);
            from = cut;
        }
        prop_assert_eq!(all(&parts), all(&[&text]));
    }

    /// What a well-behaved server writes comes out as it went in.
    #[test]
    fn what_was_written_is_read(events in prop::collection::vec(("[a-z]{1,6}", prop::collection::vec("[ -~é]{0,8}", 1..4)), 0..6)) {
        let mut text = String::new();
        for (name, lines) in &events {
            text += &format!("event: {name}\n");
            for line in lines {
                text += &format!("data: {line}\n");
            }
            text.push('\n');
        }
        let expected: Vec<_> = events.iter().map(|(name, lines)| event(name, &lines.join("\n"))).collect();
        prop_assert_eq!(all(&[text.as_bytes()]), expected);
    }
}
