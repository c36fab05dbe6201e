use cutover_shared::context::MAX_PART;

use super::*;

const ID: InstallationId = InstallationId(7);

fn documents() -> Documents {
    Documents::new(Clock::manual(0))
}

fn kept(documents: &Documents) -> usize {
    documents.kept.lock().unwrap().len()
}

#[tokio::test]
async fn a_short_document_is_not_kept() {
    let documents = documents();
    let first = documents.first(ID, "{}".to_owned());
    assert_eq!((first.text.as_str(), first.size, first.more, kept(&documents)), ("{}", 2, None, 0));
}

#[tokio::test]
async fn a_long_one_is_read_in_parts_and_forgotten_with_the_last() {
    let documents = documents();
    let text = "é".repeat(MAX_PART + 1);
    let mut part = documents.first(ID, text.clone());
    let mut all = part.text.clone();
    while let Some(id) = part.more {
        assert_eq!(kept(&documents), 1);
        part = documents.later(&id, all.len() as u64).unwrap();
        assert_eq!((part.size, part.from), (text.len() as u64, all.len() as u64));
        all += &part.text;
    }
    assert!(all == text);
    assert_eq!(kept(&documents), 0);
    assert_eq!(documents.later("x", 0), None);
}

#[tokio::test]
async fn a_place_that_is_none_is_no_part_and_forgets_nothing() {
    let documents = documents();
    let id = documents.first(ID, "é".repeat(MAX_PART)).more.unwrap();
    assert_eq!((documents.later(&id, 1), documents.later(&id, u64::MAX)), (None, None));
    assert!(documents.later(&id, 0).is_some());
}

#[tokio::test]
async fn the_oldest_make_room_and_time_clears_the_rest() {
    let documents = documents();
    let ids: Vec<String> =
        (0..=MOST).map(|_| documents.first(ID, "x".repeat(MAX_PART + 1)).more.unwrap()).collect();
    assert_eq!(kept(&documents), MOST);
    assert_eq!(documents.later(&ids[0], 0), None);
    assert!(documents.later(&ids[1], 0).is_some());

    let large = documents.first(ID, "x".repeat(MAX_DOCUMENT)).more.unwrap();
    assert_eq!(kept(&documents), 1, "all that was there made room");
    assert!(documents.later(&large, 0).is_some());
    // The task that will forget it has to be asleep before time moves.
    tokio::task::yield_now().await;
    documents.clock.advance(KEEP);
    while kept(&documents) > 0 {
        tokio::task::yield_now().await;
    }
}
