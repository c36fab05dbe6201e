use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures::future::join_all;
use http::Method;
use secrecy::SecretString;

use super::*;
use crate::clock::Clock;
use crate::github::limiter::Rules;
use crate::github::scripted::{START, Scripted, With, answer, drive, message};

fn exchange(clock: &Clock, script: &Arc<Scripted>) -> Exchange {
    let time = Arc::new(ServerTime::new(clock.clone()));
    let rules = Rules { reserve_permille: 200, points_per_minute: 900 };
    Exchange {
        limiter: Limiter::new(Arc::clone(&time), rules, 8),
        time,
        metrics: crate::metrics::Metrics::new(),
        counters: Counters::default(),
        transport: Arc::clone(script) as Arc<dyn Transport>,
        request_timeout: Duration::from_secs(30),
    }
}

fn call(patience_s: u64) -> Call {
    Call {
        route: "TEST",
        kind: Kind::Other,
        who: Identity::Installation(7),
        installation: Some(7),
        traffic: Traffic::Live,
        deadline: Duration::from_secs(patience_s),
        effect: Effect::Once,
    }
}

fn request(method: Method) -> WireRequest {
    let uri = "https://ghe.example/api/v3/x".parse().unwrap();
    WireRequest {
        method,
        body: Some(Bytes::from_static(b"{}")),
        ..WireRequest::get(uri, SecretString::from("Bearer ghs_planted"), "*/*", 10)
    }
}

#[tokio::test]
async fn only_harmless_requests_are_repeated() {
    for (method, tries) in [
        (Method::GET, 4),
        (Method::HEAD, 4),
        (Method::POST, 1),
        (Method::PUT, 1),
        (Method::PATCH, 1),
        (Method::DELETE, 1),
    ] {
        for broken in [true, false] {
            let clock = Clock::manual(START);
            let script = Scripted::new(move |_| {
                if broken { Err(WireFailure::Broken("reset".to_owned())) } else { Ok(message(500, "")) }
            });
            let exchange = exchange(&clock, &script);
            let result = drive(&clock, exchange.send(call(600), request(method.clone()))).await;
            assert!(matches!(result, Err(GitHubError::Unavailable { .. })));
            assert_eq!(script.seen().len(), tries, "{method}");
        }
    }
}

#[tokio::test]
async fn a_failure_that_passes_is_not_seen() {
    let clock = Clock::manual(START);
    let count = AtomicUsize::new(0);
    let script =
        Scripted::new(move |_| Ok(answer([502, 503, 200][count.fetch_add(1, Ordering::Relaxed)], "{}")));
    let exchange = exchange(&clock, &script);
    let answer = drive(&clock, exchange.send(call(60), request(Method::GET))).await;
    assert_eq!(answer.unwrap().status, 200);
    assert_eq!(exchange.counters.snapshot().retries, 2);
}

#[tokio::test]
async fn a_request_that_hangs_times_out_and_a_deadline_ends_the_tries() {
    let clock = Clock::manual(START);
    let script = Scripted::new(|_| Ok(answer(200, "{}")));
    script.gate.forget_permits(usize::MAX);
    let exchange = exchange(&clock, &script);
    let result = drive(&clock, exchange.send(call(45), request(Method::GET))).await;
    assert_eq!(result.unwrap_err(), GitHubError::Unavailable { cause: Outage::Timeout });
    assert_eq!(script.seen().len(), 2, "30 s and what is left of 45");
    assert!(clock.monotonic() <= Duration::from_secs(46));
}

#[tokio::test]
async fn a_refusal_for_speed_is_waited_out_when_there_is_patience() {
    for status in [403, 429] {
        let clock = Clock::manual(START);
        let count = AtomicUsize::new(0);
        let script = Scripted::new(move |_| {
            Ok(match count.fetch_add(1, Ordering::Relaxed) {
                0 => message(status, "secondary rate limit").with("retry-after", 20),
                _ => answer(200, "{}"),
            })
        });
        let exchange = exchange(&clock, &script);
        let answer = drive(&clock, exchange.send(call(60), request(Method::POST))).await;
        assert_eq!(answer.unwrap().status, 200);
        assert!(clock.monotonic() >= Duration::from_secs(20));
        assert_eq!(exchange.counters.snapshot().rate_limited, 1);
    }
}

#[tokio::test]
async fn without_patience_the_caller_hears_until_when_and_nothing_more_is_sent() {
    let clock = Clock::manual(START);
    let script = Scripted::new(|_| {
        Ok(answer(200, "{}")
            .with("x-ratelimit-limit", 60)
            .with("x-ratelimit-remaining", 0)
            .with("x-ratelimit-reset", START / 1000 + 600))
    });
    let exchange = exchange(&clock, &script);
    exchange.send(call(30), request(Method::GET)).await.unwrap();
    let limited = GitHubError::RateLimited { until: START + 600_000 };
    let result = exchange.send(call(30), request(Method::GET)).await;
    assert_eq!(result.unwrap_err(), limited);
    assert_eq!(script.seen().len(), 1);
    let other = Call { who: Identity::Installation(8), ..call(30) };
    assert!(exchange.send(other, request(Method::GET)).await.is_ok());
    let budgets = exchange.limiter.budgets();
    assert_eq!((budgets[0].installation, budgets[0].remaining), (Some(7), 0));
    let patient = exchange.send(call(3600), request(Method::GET));
    assert!(drive(&clock, patient).await.is_ok());
}

#[tokio::test]
async fn a_missing_permission_is_no_refusal_for_speed() {
    let clock = Clock::manual(START);
    let script = Scripted::new(|_| Ok(message(403, "Resource not accessible by integration")));
    let exchange = exchange(&clock, &script);
    let result = exchange.send(call(30), request(Method::GET)).await;
    assert_eq!(result.unwrap().status, 403);
    assert_eq!(exchange.counters.snapshot().rate_limited, 0);
}

#[tokio::test]
async fn no_more_than_the_cap_is_in_flight_and_background_leaves_room() {
    let clock = Clock::manual(START);
    let script = Scripted::new(|_| Ok(answer(200, "{}")));
    script.gate.forget_permits(usize::MAX);
    let exchange = exchange(&clock, &script);
    let send = |traffic, who| {
        let call = Call { who: Identity::Installation(who), traffic, ..call(60) };
        exchange.send(call, request(Method::GET))
    };
    let mut background = Box::pin(join_all((0..20).map(|i| send(Traffic::Background, i))));
    assert!(futures::poll!(&mut background).is_pending());
    assert_eq!(script.seen().len(), 6);
    let mut live = Box::pin(join_all((20..40).map(|i| send(Traffic::Live, i))));
    assert!(futures::poll!(&mut live).is_pending());
    assert_eq!(script.seen().len(), 8);
    script.gate.add_permits(100);
    let (background, live) = futures::join!(background, live);
    assert!(background.iter().chain(&live).all(Result::is_ok));
}

#[tokio::test]
async fn a_caller_that_goes_away_gives_its_place_back() {
    let clock = Clock::manual(START);
    let script = Scripted::new(|_| Ok(answer(200, "{}")));
    script.gate.forget_permits(usize::MAX);
    let exchange = exchange(&clock, &script);
    for _ in 0..20 {
        let mut gone = Box::pin(exchange.send(call(60), request(Method::GET)));
        assert!(futures::poll!(&mut gone).is_pending());
    }
    script.gate.add_permits(1);
    assert!(exchange.send(call(60), request(Method::GET)).await.is_ok());
    assert_eq!(script.seen().len(), 21);
}

#[tokio::test]
async fn a_credential_that_http_cannot_carry_is_said_without_its_text() {
    let clock = Clock::manual(START);
    let script = Scripted::new(|_| Err(WireFailure::Unsendable));
    let exchange = exchange(&clock, &script);
    let error = exchange.send(call(1), request(Method::GET)).await;
    assert_eq!(error.unwrap_err().to_string(), "not a valid credential");
    assert!(!format!("{:?}", request(Method::GET)).contains("planted"));
}
