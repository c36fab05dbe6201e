use futures::StreamExt as _;
use futures::stream::FuturesUnordered;

use super::*;

/// More of them than there is room for, each waiting for a little more: all come through, and what they hold has its bound.
#[tokio::test]
async fn large_ones_at_once_do_not_wait_for_each_other_for_ever() {
    let bodies = Bodies::new(512);
    let all = bodies.left();
    let mut coming: FuturesUnordered<_> = (0..20)
        .map(|_| async {
            let mut room = Room::default();
            // Each takes its next step when all others have had their turn.
            for length in (0..=LARGEST_BODY).step_by(100 * 1024) {
                room.grow(&bodies, length).await;
                tokio::task::yield_now().await;
            }
            room.grow(&bodies, LARGEST_BODY).await;
            assert!(room.fits >= LARGEST_BODY || room.last.is_some());
        })
        .collect();
    let mut ended = 0;
    while coming.next().await.is_some() {
        ended += 1;
    }
    assert_eq!((ended, bodies.left()), (20, all));
}

#[tokio::test]
async fn small_parts_and_large_ones_have_pools_of_their_own() {
    let bodies = Bodies::new(1);
    let all = bodies.left();
    assert_eq!(all, (SMALL_KIB, LARGE_KIB));
    let (mut small, mut large) = (Room::default(), Room::default());
    small.grow(&bodies, 1).await;
    assert_eq!(bodies.left(), (SMALL_KIB - 16, LARGE_KIB));
    small.grow(&bodies, SMALL).await;
    assert_eq!(bodies.left(), (SMALL_KIB - 64, LARGE_KIB));
    large.grow(&bodies, SMALL + 1).await;
    assert_eq!(bodies.left(), (SMALL_KIB - 128, LARGE_KIB - 256));
    drop((small, large));
    assert_eq!(bodies.left(), all);
    // One that waits and gives up leaves nothing behind.
    let held = bodies.large.clone().acquire_many_owned(u32::try_from(LARGE_KIB).unwrap()).await;
    let (mut last, mut waiting) = (Room::default(), Room::default());
    last.grow(&bodies, LARGEST_BODY).await;
    assert!(last.last.is_some());
    assert!(futures::FutureExt::now_or_never(waiting.grow(&bodies, SMALL + 1)).is_none());
    drop((held, last, waiting));
    assert_eq!(bodies.left(), all);
    // More connections than usual have as much room for their small parts.
    assert_eq!(Bodies::new(10_000).left().0, 640_000);
}
