//! What comes while something else of the same key is under way.

use std::sync::atomic::Ordering;

use cutover_shared::rollout::Side;

use super::world::{Life, NAME, Script, record};
use crate::faults::Faults;

async fn room() -> (tempfile::TempDir, Life) {
    let dir = tempfile::tempdir().unwrap();
    let life = Life::new(dir.path(), Script::default(), Faults::none()).await;
    (dir, life)
}

async fn begun(life: &Life, writes: u32) {
    life.until(async |life| life.script.begun.load(Ordering::SeqCst) == writes).await;
}

async fn waiting(life: &Life) -> u64 {
    life.second.view(NAME).await.unwrap().waiting
}

#[tokio::test]
async fn a_newer_answer_takes_the_place_of_the_one_under_way_and_does_not_overtake_it() {
    let (_dir, life) = room().await;
    let worker = tokio::spawn(life.second.clone().work());
    life.script.stops.store(2, Ordering::SeqCst);
    life.answers("a@1", "old").await;
    begun(&life, 1).await;
    life.answers("a@1", "new").await;
    life.call("a@2").await;
    // Another key is not held up by it; this one is.
    begun(&life, 2).await;
    assert_eq!(waiting(&life).await, 2, "the old one is owed no longer");
    life.script.go.notify_one();
    life.until(async |life| life.script.begun.load(Ordering::SeqCst) == 3).await;
    life.script.go.notify_one();
    life.settled().await;
    let wrote = life.script.wrote.lock().unwrap().clone();
    let of = |digest: &str| wrote.iter().position(|one| one == digest).unwrap();
    assert!(wrote.len() == 3 && of("old") < of("new"), "{wrote:?}");
    assert_eq!(life.book(Side::Target).await.len(), 2);
    worker.abort();
}

#[tokio::test]
async fn what_was_written_for_an_answer_that_is_none_any_more_is_in_no_book() {
    let (_dir, life) = room().await;
    let worker = tokio::spawn(life.second.clone().work());
    life.script.stops.store(2, Ordering::SeqCst);
    life.answers("a@1", "old").await;
    begun(&life, 1).await;
    life.answers("a@1", "new").await;
    life.script.go.notify_one();
    begun(&life, 2).await;
    assert!(life.book(Side::Target).await.is_empty());
    assert_eq!(waiting(&life).await, 1);
    life.script.go.notify_one();
    life.settled().await;
    assert_eq!(life.book(Side::Target).await, [("a@1".to_owned(), false)]);
    worker.abort();
}

/// The other book says what it was before; the arm itself may be further.
#[tokio::test]
async fn an_answer_as_it_was_before_is_written_again_where_another_was_under_way() {
    let (_dir, life) = room().await;
    let worker = tokio::spawn(life.second.clone().work());
    life.answers("a@1", "one").await;
    life.settled().await;
    life.script.stops.store(1, Ordering::SeqCst);
    life.answers("a@1", "two").await;
    begun(&life, 2).await;
    life.answers("a@1", "one").await;
    life.script.go.notify_one();
    life.settled().await;
    assert_eq!(*life.script.wrote.lock().unwrap(), ["one", "two", "one"]);
    worker.abort();
}

#[tokio::test]
async fn a_call_under_way_is_not_settled_and_one_that_hung_up_is() {
    let (_dir, life) = room().await;
    let pending = life.second.intend(life.asked("a@1")).await.unwrap();
    life.second.settle(NAME).await.unwrap();
    assert_eq!(life.db.second_intents(NAME, 0, 9).await.unwrap().len(), 1);
    drop(pending);
    life.second.settle(NAME).await.unwrap();
    assert!(life.db.second_intents(NAME, 0, 9).await.unwrap().is_empty());
    assert_eq!(waiting(&life).await, 0, "nobody was answered");
}

#[tokio::test]
async fn an_intent_that_was_answered_since_it_was_read_is_settled_already() {
    let (_dir, life) = room().await;
    let pending = life.second.intend(life.asked("a@1")).await.unwrap();
    let read = life.db.second_intents(NAME, 0, 9).await.unwrap().remove(0);
    pending.answered(record("a@1", "old")).await;
    life.answers("a@1", "new").await;
    assert_eq!(waiting(&life).await, 1);
    life.second.settle_one(&read).await.unwrap();
    assert_eq!(waiting(&life).await, 1, "what the newest answer owes");
    let worker = tokio::spawn(life.second.clone().work());
    life.settled().await;
    assert_eq!(*life.script.wrote.lock().unwrap(), ["new"]);
    worker.abort();
}
