//! What is bounded: bodies, connections, what a handler can break.

use super::*;

/// All that a body may take, in KiB: of small parts, of large ones.
const ALL: (usize, usize) = (32 * 1024, 50 * 1024);

async fn turns() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn small_deliveries_get_in_while_large_ones_drip() {
    let world = World::new().await;
    let head = push().set("content-length", &LARGEST_BODY.to_string()).head();
    // Announced only, they hold nothing.
    let mut announced = Vec::new();
    for _ in 0..8 {
        let mut stream = TcpStream::connect(world.at).await.unwrap();
        stream.write_all(&head).await.unwrap();
        announced.push(stream);
    }
    turns().await;
    assert_eq!(world.door.bodies.left(), ALL);
    // With 12 MiB each they hold all the room there is for large ones.
    let part: Arc<[u8]> = vec![b'x'; 12 * 1024 * 1024].into();
    let dripping: Vec<_> = announced
        .into_iter()
        .map(|mut stream| {
            let part = part.clone();
            tokio::spawn(async move {
                // A server that has given up may reset it.
                let _ = stream.write_all(&part).await;
                read(stream).await
            })
        })
        .collect();
    while world.door.bodies.left().1 >= 256 {
        tokio::task::yield_now().await;
    }
    for _ in 0..20 {
        assert_eq!(world.send(&push()).await.status, 202);
    }
    assert_eq!(world.clock.monotonic(), Duration::ZERO);
    let answers = world.moving(Duration::from_millis(100), futures::future::join_all(dripping)).await;
    assert!(world.clock.monotonic() <= Duration::from_secs(31), "{:?}", world.clock.monotonic());
    for answer in answers {
        let answer = answer.unwrap();
        assert!(matches!(answer.code(), (408, "too_slow") | (503, "busy") | (0, "")), "{answer:?}");
    }
    assert_eq!(world.door.bodies.left(), ALL);
    assert_eq!(world.kept(), 20);
}

#[tokio::test]
async fn a_body_has_to_come_at_a_pace() {
    let world = World::new().await;
    let mut stream = TcpStream::connect(world.at).await.unwrap();
    let head = push().set("content-length", &(1024 * 1024).to_string()).head();
    stream.write_all(&head).await.unwrap();
    stream.write_all(&[b'x'; 1000]).await.unwrap();
    let answer = world.moving(Duration::from_millis(500), read(stream)).await;
    assert_eq!(answer.code(), (408, "too_slow"));
    // Long before the time of a whole request is over.
    assert!(world.clock.monotonic() < Duration::from_secs(15), "{:?}", world.clock.monotonic());
}

/// The body's room is free when the body is: also one that the store still has.
#[tokio::test]
async fn a_body_that_the_store_has_keeps_its_room() {
    let world = World::new().await;
    world.does(Does::Hang);
    let answer = world.moving(Duration::from_secs(1), world.send(&push())).await;
    assert_eq!(answer.code(), (503, "not_durable"));
    assert_eq!(world.door.bodies.left(), (ALL.0 - 16, ALL.1));
    world.inbox.go.notify_one();
    while world.door.bodies.left() != ALL {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn connections_over_the_limit_wait_for_a_place() {
    let world = World::with(Limits { connections: 3, ..Limits::default() }, &[]).await;
    world.does(Does::Hang);
    let call = push();
    let sending = futures::future::join_all((0..8).map(|_| world.send(&call)));
    let letting = async {
        while world.inbox.inside.load(Ordering::SeqCst) < 3 {
            tokio::task::yield_now().await;
        }
        turns().await;
        assert_eq!(world.inbox.inside.load(Ordering::SeqCst), 3);
        while world.kept() < 8 {
            world.inbox.go.notify_one();
            tokio::task::yield_now().await;
        }
    };
    let (answers, ()) = futures::future::join(sending, letting).await;
    assert!(answers.iter().all(|answer| answer.status == 202), "{answers:?}");
    assert_eq!(world.inbox.most_inside.load(Ordering::SeqCst), 3);
}

/// The layer of every route, over one of another area's that panics.
#[tokio::test]
async fn a_panic_is_an_answer() {
    #[utoipa::path(get, path = "/api/v1/boom", responses((status = 200)))]
    async fn boom() -> Response {
        panic!("a fault of a handler")
    }
    let world =
        World::of(|setup| Setup { apis: OpenApiRouter::new().routes(utoipa_axum::routes!(boom)), ..setup })
            .await;
    let boom =
        Call { method: "GET", path: "/api/v1/boom", body: Vec::new(), ..push() }.without("content-length");
    for _ in 0..3 {
        let answer = world.send(&boom).await;
        assert_eq!(answer.code(), (500, "internal"));
        assert!(!answer.body.to_string().contains("a fault"), "{answer:?}");
    }
    assert!(!world.serving.is_finished());
    assert_eq!(world.send(&push()).await.status, 202);
    // A task of the inbox that panics is an answer, too.
    world.does(Does::Panic);
    assert_eq!(world.send(&push()).await.status, 500);
}

/// Ten minutes old, one that is silent ends at once; a request that was begun just before has the time of its route.
#[tokio::test]
async fn an_old_connection_ends_after_the_request_under_way() {
    #[derive(Default)]
    struct Gate {
        came: Notify,
        go: Notify,
    }
    #[utoipa::path(post, path = "/api/v1/git/clone", responses((status = 200)))]
    async fn clone(State(gate): State<Arc<Gate>>) {
        gate.came.notify_one();
        gate.go.notified().await;
    }
    let (gate, second) = (Arc::new(Gate::default()), Duration::from_secs(1));
    // Silence alone ends none of them here.
    let limits = Limits { head: Duration::from_secs(60 * 60), ..Limits::default() };
    let apis = OpenApiRouter::new().routes(utoipa_axum::routes!(clone)).with_state(gate.clone());
    let world = World::of(|setup| Setup { apis, limits, ..setup }).await;
    let mut streams = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(world.at).await.unwrap();
        stream.write_all(&push().without("connection").bytes()).await.unwrap();
        let mut text = Vec::new();
        while !text.ends_with(b"}") {
            assert!(stream.read_buf(&mut text).await.unwrap() > 0);
        }
        streams.push(stream);
    }
    let (mut busy, mut silent) = (streams.remove(0), streams.remove(0));
    world.clock.advance(limits.connection - second);
    let clone = Call { path: "/api/v1/git/clone", ..push() }.without("connection");
    busy.write_all(&clone.bytes()).await.unwrap();
    gate.came.notified().await;
    world.clock.advance(second);
    assert_eq!(silent.read(&mut [0]).await.unwrap(), 0);
    for _ in 2..limits.slow.as_secs() {
        world.clock.advance(second);
        tokio::task::yield_now().await;
    }
    gate.go.notify_one();
    assert_eq!(read(busy).await.status, 200);
}

#[tokio::test]
async fn an_old_connection_whose_peer_reads_nothing_is_cut() {
    #[utoipa::path(get, path = "/api/v1/endless", responses((status = 200)))]
    async fn endless() -> axum::body::Body {
        let part = bytes::Bytes::from_static(&[b'x'; 64 * 1024]);
        let parts = futures::stream::repeat_with(move || Ok::<_, std::io::Error>(part.clone()));
        axum::body::Body::from_stream(parts)
    }
    let apis = OpenApiRouter::new().routes(utoipa_axum::routes!(endless));
    let world = World::of(|setup| Setup { apis, ..setup }).await;
    let call = Call { method: "GET", path: "/api/v1/endless", body: Vec::new(), ..push() };
    let mut stream = TcpStream::connect(world.at).await.unwrap();
    stream.write_all(&call.without("content-length").bytes()).await.unwrap();
    stream.readable().await.unwrap();
    let gone = async {
        while !world.metrics.render().contains("\ncutover_http_connections 0\n") {
            tokio::task::yield_now().await;
        }
    };
    world.moving(Duration::from_secs(10), gone).await;
    let limits = Limits::default();
    let (age, longest) = (world.clock.monotonic(), limits.connection + limits.slow);
    assert!(age > limits.connection && age < longest + Duration::from_secs(60), "{age:?}");
}
