use std::collections::HashMap;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::answer::{Unfit, read};
use super::*;
use crate::faults::Faults;
use crate::metrics::Metrics;
use crate::rollout::metrics::{Recorder, Windows};
use crate::store::{Db, open};

const END: i64 = 1_750_000_020_000;
const NAME: RolloutName = RolloutName::GithubAuth;

/// What the server does with a query that holds a word; the first that fits.
#[derive(Clone)]
enum Does {
    Value(&'static str),
    Empty,
    Status(u16),
    Says(String),
    Hangs,
}

async fn answer(
    State(does): State<Arc<Vec<(&'static str, Does)>>>,
    Query(asked): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    assert_eq!(headers["authorization"], "Bearer sesame");
    assert_eq!(asked["time"], "1750000020.000");
    let query = &asked["query"];
    assert!(query.contains("[60s]") && !query.contains('$'), "{query}");
    let series = |value: &str| json!([{ "metric": { "a": "b" }, "value": [1_750_000_020.0, value] }]);
    let body = |result| {
        json!({ "status": "success", "data": { "resultType": "vector", "result": result } }).to_string()
    };
    let (_, does) = does.iter().find(|(word, _)| query.contains(word)).unwrap();
    match does {
        Does::Value(value) => body(series(value)).into_response(),
        Does::Empty => body(json!([])).into_response(),
        Does::Status(status) => (StatusCode::from_u16(*status).unwrap(), body(series("1"))).into_response(),
        Does::Says(text) => text.clone().into_response(),
        Does::Hangs => std::future::pending().await,
    }
}

struct World {
    prometheus: Prometheus,
    flush: Flush,
    db: Db,
    _dir: tempfile::TempDir,
}

async fn world(does: Vec<(&'static str, Does)>) -> World {
    let dir = tempfile::tempdir().unwrap();
    let db = open(&format!("sqlite:{}/cutover.db", dir.path().display()), Faults::none()).await.unwrap();
    let clock = Clock::manual(END + 5_000);
    let windows = Windows::new(db.clone(), clock.clone());
    let flush = Flush::new(
        db.clone(),
        clock.clone(),
        Recorder::new(),
        windows,
        Metrics::new(),
        Arc::new(|_| Vec::new()),
    );
    let router = axum::Router::new()
        .route("/prom/api/v1/query", axum::routing::get(answer))
        .with_state(Arc::new(does));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/prom/", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let query = |what: &str| format!("{what}{{op='$operation'}}[$window]");
    let queries = Queries { calls: query("calls"), errors: query("errors"), p95: Some(query("seconds")) };
    let settings = PrometheusSettings {
        url,
        token: Some("sesame".into()),
        every: Duration::from_secs(60),
        timeout: Duration::from_millis(300),
        queries: [None, Some(queries)],
    };
    let prometheus = Prometheus::new(Client::new().unwrap(), clock, flush.clone(), settings);
    World { prometheus, flush, db, _dir: dir }
}

/// Target figures of the newest window, and whether it is whole; none without one.
async fn poll(
    does: Vec<(&'static str, Does)>,
) -> (Option<(u64, u64, Option<u64>, bool)>, PrometheusStanding) {
    let world = world(does).await;
    let told = world.flush.windows().told(NAME);
    world.prometheus.poll(END).await;
    let of = |window: &WindowFigures| {
        assert_eq!(
            (window.source, window.start_at, window.length_ms),
            (Source::Prometheus, END - 60_000, 60_000)
        );
        let target = window.side(Side::Target);
        assert_eq!(window.side(Side::Legacy).calls, 0);
        (target.calls, target.errors, target.outside_p95_us, window.complete)
    };
    let window = told.borrow().clone();
    world.flush.flush().await.unwrap();
    let stored = world.flush.windows().closed(NAME, 0, 9).await.unwrap();
    assert_eq!(stored.iter().map(of).next(), window.as_deref().map(of), "as it is told, it is stored");
    assert_eq!(world.db.rollout_windows(NAME, 0, END, 9).await.unwrap().is_empty(), window.is_none());
    (window.as_deref().map(of), world.prometheus.standing().unwrap())
}

fn good() -> Vec<(&'static str, Does)> {
    vec![
        ("'list'", Does::Empty),
        ("calls", Does::Value("40.4")),
        ("errors", Does::Value("2")),
        ("seconds", Does::Value("0.25")),
    ]
}

fn but(word: &'static str, does: Does) -> Vec<(&'static str, Does)> {
    std::iter::once((word, does)).chain(good()).collect()
}

#[tokio::test]
async fn figures_become_a_window_of_their_own() {
    let (window, standing) = poll(good()).await;
    assert_eq!(window, Some((40, 2, Some(250_000), true)));
    assert_eq!((standing.at, standing.arms, standing.trouble), (END, 4, None));
}

#[tokio::test]
async fn what_the_server_does_not_know_is_no_figure_and_never_0() {
    for does in [
        but("calls", Does::Empty),
        but("calls", Does::Value("NaN")),
        but("errors", Does::Empty),
        but("errors", Does::Value("NaN")),
    ] {
        let (window, standing) = poll(does).await;
        assert_eq!((window, standing.arms, standing.trouble), (None, 0, None));
    }
    let (window, _) = poll(but("seconds", Does::Value("NaN"))).await;
    assert_eq!(window, Some((40, 2, None, true)), "a P95 of nothing is none");
    let (window, _) = poll(but("errors", Does::Value("0"))).await;
    assert_eq!(window, Some((40, 0, Some(250_000), true)), "a 0 that it says is one");
}

#[tokio::test]
async fn what_fails_makes_the_window_incomplete() {
    let deep = "[".repeat(100_000);
    let long = "x".repeat(9 * 1024 * 1024);
    let two = json!({ "status": "success", "data": { "resultType": "vector", "result": [{ "value": [1, "1"] }, { "value": [1, "2"] }] } });
    let refused = json!({ "status": "error", "error": "parse error" });
    for (does, says) in [
        (Does::Status(503), "status 503"),
        (Does::Status(302), "status 302"),
        (Does::Hangs, "no answer within"),
        (Does::Says(deep), "none of Prometheus'"),
        (Does::Says(long), "longer than"),
        (Does::Says("{}".into()), "none of Prometheus'"),
        (Does::Says(refused.to_string()), "parse error"),
        (Does::Says(two.to_string()), "sum()"),
        (Does::Value("+Inf"), "no count"),
        (Does::Value("-1"), "no count"),
        (Does::Value("1e300"), "no count"),
        (Does::Value("many"), "no number"),
    ] {
        let (window, standing) = poll(but("'import'", does)).await;
        assert_eq!(window, Some((0, 0, None, false)), "{says}");
        let trouble = standing.trouble.unwrap();
        assert!(trouble.contains(says) && trouble.chars().count() < 400, "{trouble}");
    }
}

#[tokio::test]
async fn a_window_is_asked_for_after_its_end() {
    let world = world(good()).await;
    let clock = world.prometheus.0.clock.clone();
    clock.jump_wall(END - 40_000);
    let task = tokio::spawn(world.prometheus.clone().work());
    for _ in 0..10_000 {
        clock.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
        if clock.now() >= END + 5_000 {
            break;
        }
    }
    while world.prometheus.standing().is_none() {
        tokio::task::yield_now().await;
    }
    task.abort();
    assert_eq!(world.prometheus.standing().unwrap().at, END);
}

#[test]
fn a_scalar_is_a_value_too() {
    let scalar = json!({ "status": "success", "data": { "resultType": "scalar", "result": [1, "7"] } });
    assert_eq!(read(scalar.to_string().as_bytes()), Ok(Some(7.0)));
    let matrix = json!({ "status": "success", "data": { "resultType": "matrix", "result": [] } });
    assert!(matches!(read(matrix.to_string().as_bytes()), Err(Unfit::Form(_))));
}
