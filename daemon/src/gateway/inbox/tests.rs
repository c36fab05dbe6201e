use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use cutover_shared::webhook::DeliveryState;
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::*;
use crate::faults::Faults;
use crate::gateway::events::Effects;
use crate::store::{self, DeliveryRow, Op, SettingOp};

const NOW: i64 = 1_800_000_000_000;

/// What the handler says to a delivery of this event.
#[derive(Default)]
struct Script {
    /// GUIDs in the order in which they were asked for.
    asked: Mutex<Vec<String>>,
    committed: AtomicUsize,
    /// `held` events wait for a permit.
    held: Option<Semaphore>,
    /// How often a GUID fails before it succeeds.
    failures: Mutex<BTreeMap<String, u32>>,
}

#[async_trait]
impl Handler for Script {
    async fn handle(&self, delivery: &DeliveryRow, body: &[u8]) -> Result<Effects, HandleError> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(delivery.guid.clone());
        match (delivery.event.as_str(), &self.held) {
            ("held", Some(held)) => held.acquire().await.unwrap().forget(),
            ("thrown", _) => panic!("on purpose"),
            ("hopeless", _) => return Err(HandleError::Hopeless("no account in it".to_owned())),
            ("unknown", _) => return Ok(Effects::default()),
            _ => {}
        }
        if let Some(left) = self.failures.lock().unwrap().get_mut(&delivery.guid).filter(|left| **left > 0) {
            *left -= 1;
            return Err(HandleError::Failed("not now".to_owned()));
        }
        let set = SettingOp::Set {
            name: format!("seen.{}", delivery.guid),
            value: String::from_utf8_lossy(body).into_owned(),
            at: NOW,
            by: "test".to_owned(),
        };
        Ok(Effects { ops: vec![Op::from(set)], forget_token: None, note: Some("seen".to_owned()) })
    }

    fn committed(&self, _: &Effects) {
        self.committed.fetch_add(1, Ordering::SeqCst);
    }
}

impl Script {
    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

struct Room {
    _dir: TempDir,
    db: Db,
    clock: Clock,
    inbox: Arc<Inbox>,
    script: Arc<Script>,
}

impl Room {
    /// Where nothing follows from a push.
    async fn without_pushes() -> Self {
        struct Judging;
        impl Judge for Judging {
            fn awaits(&self, event: &str, _: Option<&str>) -> bool {
                event != "push"
            }
        }
        let mut room = Self::with(Script::default()).await;
        room.inbox = Inbox::judged(room.db.clone(), room.clock.clone(), Arc::new(Judging));
        room
    }

    async fn with(script: Script) -> Self {
        let dir = TempDir::new().unwrap();
        let url = format!("sqlite:{}", dir.path().join("cutover.db").display());
        let (db, clock) = (store::open(&url, Faults::none()).await.unwrap(), Clock::manual(NOW));
        let inbox = Inbox::new(db.clone(), clock.clone());
        Self { _dir: dir, db, clock, inbox, script: Arc::new(script) }
    }

    fn work(&self, parallel: usize, tries: u32) -> JoinHandle<()> {
        let settings = WorkSettings { parallel, tries };
        tokio::spawn(Arc::clone(&self.inbox).work(self.script.clone(), settings))
    }

    async fn take(&self, guid: &str, event: &str, installation: Option<i64>) {
        let envelope = Envelope { installation, ..Envelope::default() };
        let body = Bytes::from(format!("{{\"of\":\"{guid}\"}}"));
        let arrival = Arrival { guid: guid.to_owned(), event: event.to_owned(), envelope, body };
        self.inbox.take(arrival).await.unwrap();
    }

    async fn row(&self, guid: &str) -> DeliveryRow {
        self.db.delivery(guid).await.unwrap().unwrap()
    }

    /// Waits until the delivery is like this.
    async fn until(&self, guid: &str, is: impl Fn(&DeliveryRow) -> bool) -> DeliveryRow {
        let mut versions = self.db.versions();
        let waiting = async {
            loop {
                versions.mark_unchanged();
                let row = self.row(guid).await;
                if is(&row) {
                    return row;
                }
                versions.changed().await.unwrap();
            }
        };
        Clock::system().timeout(Duration::from_secs(20), waiting).await.expect("it never came to that")
    }

    async fn handled(&self, guid: &str) -> DeliveryRow {
        self.until(guid, |row| row.state == DeliveryState::Handled).await
    }
}

#[tokio::test]
async fn what_was_taken_is_handled_in_order_by_whoever_comes_next() {
    let room = Room::with(Script::default()).await;
    for guid in ["a", "b", "c"] {
        room.take(guid, "push", Some(7)).await;
    }
    // Nobody worked so far: a process that ended after its answers. Another inbox over the store goes on.
    let worker = room.work(4, 8);
    let row = room.handled("c").await;
    assert_eq!(room.script.asked(), ["a", "b", "c"]);
    assert_eq!((row.attempts, row.note.as_deref(), row.ended_at), (0, Some("seen"), Some(NOW)));
    let seen = room.db.setting("seen.b").await.unwrap();
    assert_eq!(
        seen.map(|(value, ..)| value).as_deref(),
        Some(r#"{"of":"b"}"#),
        "the effect is in the store, from the body as it came"
    );
    worker.abort();
}

#[tokio::test]
async fn what_nothing_follows_from_ends_as_it_is_taken_and_can_be_replayed() {
    let room = Room::without_pushes().await;
    room.take("a", "push", Some(7)).await;
    let row = room.row("a").await;
    assert_eq!((row.state, row.ended_at, row.kept), (DeliveryState::Ignored, Some(NOW), true));
    let worker = room.work(4, 8);
    room.take("b", "ping", Some(7)).await;
    room.handled("b").await;
    assert_eq!(room.script.asked(), ["b"]);
    let unit = Unit::new().with(InboxOp::Replay { seqs: vec![row.seq] });
    room.db.write(Lane::Handler, unit).await.unwrap();
    room.take("c", "ping", Some(8)).await;
    room.handled("a").await;
    assert!(room.script.asked().contains(&"a".to_owned()));
    worker.abort();
}

#[tokio::test]
async fn a_slow_installation_holds_up_no_other_and_its_own_stay_in_order() {
    let room = Room::with(Script { held: Some(Semaphore::new(0)), ..Script::default() }).await;
    let worker = room.work(2, 8);
    room.take("slow", "held", Some(1)).await;
    room.take("after", "push", Some(1)).await;
    room.take("other", "push", Some(2)).await;
    room.handled("other").await;
    assert_eq!(room.row("after").await.state, DeliveryState::Waiting);
    room.script.held.as_ref().unwrap().add_permits(1);
    room.handled("after").await;
    let asked = room.script.asked();
    let place = |guid: &str| asked.iter().position(|asked| asked == guid).unwrap();
    assert!(place("slow") < place("after"), "{asked:?}");
    worker.abort();
}

#[tokio::test]
async fn a_failed_one_waits_ever_longer_and_holds_its_installation() {
    let room = Room::with(Script::default()).await;
    room.script.failures.lock().unwrap().insert("a".to_owned(), 2);
    room.take("a", "push", Some(1)).await;
    room.take("b", "push", Some(1)).await;
    let worker = room.work(4, 8);
    let first = room.until("a", |row| row.attempts == 1).await;
    assert!((NOW + 500..=NOW + 1_000).contains(&first.due_at), "{}", first.due_at);
    assert_eq!(first.note.as_deref(), Some("not now"));
    room.clock.advance(Duration::from_secs(1));
    let second = room.until("a", |row| row.attempts == 2).await;
    assert!(second.due_at > NOW + 1_900, "{}", second.due_at);
    assert_eq!(room.script.asked(), ["a", "a"], "the next of the installation waits");
    room.clock.advance(Duration::from_secs(2));
    room.handled("b").await;
    assert_eq!(room.script.asked(), ["a", "a", "a", "b"]);
    worker.abort();
}

#[tokio::test]
async fn after_the_last_try_it_is_dead_and_the_others_go_on() {
    let room = Room::with(Script::default()).await;
    room.take("thrown", "thrown", Some(1)).await;
    room.take("b", "push", Some(1)).await;
    let worker = room.work(4, 3);
    for attempts in 1..3 {
        room.until("thrown", |row| row.attempts == attempts).await;
        room.clock.advance(Duration::from_secs(4));
    }
    let dead = room.until("thrown", |row| row.state == DeliveryState::Dead).await;
    assert!(dead.note.as_deref().unwrap().contains("panicked"), "{dead:?}");
    room.handled("b").await;
    assert_eq!(room.script.committed.load(Ordering::SeqCst), 1);
    worker.abort();
}

#[tokio::test]
async fn what_can_never_be_read_is_dead_at_once_and_what_nobody_knows_is_ignored() {
    let room = Room::with(Script::default()).await;
    room.take("hopeless", "hopeless", Some(1)).await;
    room.take("unknown", "unknown", Some(1)).await;
    let worker = room.work(4, 8);
    let ignored = room.until("unknown", |row| row.state == DeliveryState::Ignored).await;
    assert_eq!(ignored.note, None);
    let dead = room.row("hopeless").await;
    assert_eq!((dead.state, dead.note.as_deref()), (DeliveryState::Dead, Some("no account in it")));
    worker.abort();
}

#[tokio::test]
async fn with_one_place_every_installation_gets_its_turn() {
    let room = Room::with(Script::default()).await;
    for installation in 0..300 {
        room.take(&format!("a{installation}"), "push", Some(installation)).await;
    }
    let worker = room.work(1, 8);
    for installation in 0..300 {
        room.handled(&format!("a{installation}")).await;
    }
    assert_eq!(room.script.asked().len(), 300);
    worker.abort();
}

#[tokio::test]
async fn doubles_are_handled_once_and_a_dead_one_that_comes_again_is_tried_again() {
    let room = Room::with(Script::default()).await;
    let worker = room.work(4, 1);
    for _ in 0..3 {
        room.take("a", "push", Some(1)).await;
    }
    room.handled("a").await;
    room.take("a", "push", Some(1)).await;
    let row = room.until("a", |row| row.repeats == 3).await;
    assert_eq!(row.state, DeliveryState::Handled);
    room.script.failures.lock().unwrap().insert("d".to_owned(), 1);
    room.take("d", "push", Some(1)).await;
    room.until("d", |row| row.state == DeliveryState::Dead).await;
    room.take("d", "push", Some(1)).await;
    room.handled("d").await;
    assert_eq!(room.script.asked(), ["a", "d", "d"]);
    worker.abort();
}

#[tokio::test]
async fn a_body_is_forgotten_long_before_the_delivery_so_that_a_late_double_is_known() {
    let room = Room::with(Script::default()).await;
    room.take("old", "push", Some(1)).await;
    let worker = room.work(4, 8);
    room.handled("old").await;
    let keep = Duration::from_secs(24 * 60 * 60);
    let retaining = tokio::spawn(Arc::clone(&room.inbox).retain(keep));
    room.clock.advance(keep + Duration::from_secs(60));
    room.until("old", |row| !row.kept).await;
    room.take("old", "push", Some(1)).await;
    let known = room.until("old", |row| row.repeats == 1).await;
    assert_eq!(known.state, DeliveryState::Handled, "handled once");
    room.clock.advance(Duration::from_secs(30 * 24 * 60 * 60));
    let mut versions = room.db.versions();
    let gone = async {
        while room.db.delivery("old").await.unwrap().is_some() {
            versions.changed().await.unwrap();
        }
    };
    Clock::system().timeout(Duration::from_secs(20), gone).await.expect("it is never forgotten");
    assert_eq!(room.script.asked(), ["old"]);
    worker.abort();
    retaining.abort();
}
