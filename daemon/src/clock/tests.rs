use super::*;

#[tokio::test]
async fn a_sleeper_wakes_when_the_clock_is_moved_past_its_time() {
    let clock = Clock::manual(1_000);
    let sleeper = tokio::spawn({
        let clock = clock.clone();
        async move {
            clock.sleep(Duration::from_secs(10)).await;
            clock.now()
        }
    });
    tokio::task::yield_now().await;
    clock.advance(Duration::from_secs(9));
    tokio::task::yield_now().await;
    assert!(!sleeper.is_finished());
    clock.advance(Duration::from_secs(1));
    assert_eq!(sleeper.await.unwrap(), 11_000);
}

#[tokio::test]
async fn a_timeout_prefers_a_finished_answer() {
    let clock = Clock::manual(0);
    assert_eq!(clock.timeout(Duration::ZERO, async { 7 }).await, Ok(7));
    assert_eq!(clock.timeout(Duration::ZERO, std::future::pending::<u8>()).await, Err(Elapsed));
}

#[test]
fn a_wall_jump_leaves_monotonic_time_alone() {
    let clock = Clock::manual(5_000);
    clock.advance(Duration::from_secs(1));
    clock.jump_wall(0);
    assert_eq!((clock.now(), clock.monotonic()), (0, Duration::from_secs(1)));
}
