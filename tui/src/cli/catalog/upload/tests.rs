use std::pin::Pin;
use std::task::{Context, Poll};

use proptest::prelude::*;
use tokio::io::ReadBuf;

use super::*;

/// Hands out at most `piece` bytes a read, as pipes do.
struct Dripping<'a> {
    bytes: &'a [u8],
    piece: usize,
}

impl AsyncRead for Dripping<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let take = self.piece.min(buffer.remaining()).min(self.bytes.len());
        let (now, later) = self.bytes.split_at(take);
        buffer.put_slice(now);
        self.bytes = later;
        Poll::Ready(Ok(()))
    }
}

fn parts(bytes: &[u8], piece: usize, most: usize) -> (Vec<String>, Option<PartError>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut parts = Parts::new(Dripping { bytes, piece }, most);
        let mut all = Vec::new();
        loop {
            match parts.next().await {
                Ok(Some(part)) => all.push(part),
                Ok(None) => return (all, None),
                Err(error) => return (all, Some(error)),
            }
        }
    })
}

proptest! {
    #[test]
    fn parts_put_together_are_the_text(text in "(?s)[a,\n\u{e9}\u{4e2d}\u{1f600}]{0,300}", piece in 1_usize..40, most in 4_usize..40) {
        let (parts, error) = parts(text.as_bytes(), piece, most);
        prop_assert!(error.is_none());
        prop_assert!(parts.iter().all(|part| !part.is_empty() && part.len() <= most));
        // A part is short only where a letter would have been cut.
        let (_, full) = parts.split_last().map_or((None, &[][..]), |(last, full)| (Some(last), full));
        prop_assert!(full.iter().all(|part| part.len() + 3 >= most));
        prop_assert_eq!(parts.concat(), text);
    }

    #[test]
    fn the_first_byte_that_is_no_text_is_named(before in "[a\n\u{e9}\u{1f600}]{0,80}", broken in 0x80_u8..0xc0, piece in 1_usize..20, most in 4_usize..20) {
        let mut bytes = before.clone().into_bytes();
        bytes.push(broken);
        bytes.extend_from_slice(b"after\n");
        let (parts, error) = parts(&bytes, piece, most);
        prop_assert!(before.starts_with(&parts.concat()));
        let Some(PartError::NotText { line, byte }) = error else { return Err(TestCaseError::fail("taken")) };
        prop_assert_eq!(usize::try_from(byte).unwrap(), before.len());
        prop_assert_eq!(usize::try_from(line).unwrap(), before.matches('\n').count() + 1);
    }
}

#[test]
fn a_letter_without_its_end_is_no_text() {
    let (all, error) = parts("ab\u{e9}".as_bytes().split_last().unwrap().1, 9, 9);
    assert!(all.is_empty());
    assert!(matches!(error, Some(PartError::NotText { line: 1, byte: 2 })), "{error:?}");
}
