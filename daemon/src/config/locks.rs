//! Locks: their keys, and what can't stand together.

use std::time::Duration;

use secrecy::ExposeSecret as _;

use super::gather::Values;
use super::key::{Key, Kind, Need, SecretForm, key};
use super::mistake::{Mistake, MistakeKind, Mistakes};
use super::settings::{LockBackend, LockPhase, Locks, OnPartition};

/// Their keys, in the order of the file.
#[rustfmt::skip]
pub(super) const KEYS: &[Key] = &[
    key("locks.backend", Kind::Word(&["memory", "database", "redis"]), Need::Default(r#""memory""#),
        "Who decides about locks: this process, the daemon's store alone, or a Redis server. `docs/locks.md` has what each promises.",
        r#""redis""#),
    Key { variables: &["REDIS_URL"], ..key("locks.redis_url", Kind::Secret(SecretForm::Opaque), Need::Optional,
        "The Redis server, `redis://[USER:PASSWORD@]HOST[:PORT][/NUMBER]`; needed when the backend is \"redis\".",
        r#""redis://:secret@redis.example.com:6379""#) },
    key("locks.redis_timeout", Kind::Length { min: Duration::from_millis(50), max: Duration::from_secs(30) }, Need::Default(r#""1s""#),
        "Longest time for one question to Redis, its second try included.", r#""500ms""#),
    key("locks.on_partition", Kind::Word(&["fail_fast", "fall_back"]), Need::Default(r#""fail_fast""#),
        "While Redis does not answer: `fail_fast` gives no lock; `fall_back` lets the daemon's store give it.",
        r#""fall_back""#),
    key("locks.phase", Kind::Word(&["memory", "both", "redis"]), Need::Default(r#""redis""#),
        "How far the hand-over from memory to Redis is, with the backend \"redis\"; read again on SIGHUP.",
        r#""both""#),
    key("locks.ttl", Kind::Length { min: Duration::from_secs(1), max: Duration::from_secs(3_600) }, Need::Default(r#""30s""#),
        "How long a daemon that went silent keeps its locks.", r#""1m""#),
];

/// What they say together.
pub(super) fn locks(values: &Values, mistakes: &mut Mistakes) -> Option<Locks> {
    let backend = match values.text("locks.backend")? {
        "redis" => LockBackend::Redis(redis(values, mistakes)?),
        "database" => LockBackend::Database,
        _ => LockBackend::Memory,
    };
    Some(Locks {
        backend,
        redis_timeout: values.length("locks.redis_timeout")?,
        on_partition: match values.text("locks.on_partition")? {
            "fall_back" => OnPartition::FallBack,
            _ => OnPartition::FailFast,
        },
        phase: match values.text("locks.phase")? {
            "memory" => LockPhase::Memory,
            "both" => LockPhase::Both,
            _ => LockPhase::Redis,
        },
        ttl: values.length("locks.ttl")?,
    })
}

fn redis(values: &Values, mistakes: &mut Mistakes) -> Option<secrecy::SecretString> {
    let key = "locks.redis_url";
    let mut wrong = |kind, place, what: &str, mend: &str| {
        mistakes.push(Mistake::new(kind, key, place, what, mend));
        None
    };
    let mend = "write `redis://:PASSWORD@HOST:6379` into a file of mode 0600 and its path into `redis_url_file` under [locks], or set REDIS_URL";
    let Some(url) = values.secret(key) else {
        let what = "is required when locks.backend is \"redis\", and not set";
        return wrong(MistakeKind::Missing, values.place("locks.backend"), what, mend);
    };
    let text = url.expose_secret();
    if text.starts_with("rediss://") {
        let what = "TLS to Redis comes later";
        return wrong(
            MistakeKind::Unsupported,
            values.place(key),
            what,
            "write redis://, through a tunnel where the network is not yours",
        );
    }
    let has_host = text.strip_prefix("redis://").is_some_and(|_| {
        text.parse::<url::Url>().is_ok_and(|url| url.host_str().is_some_and(|host| !host.is_empty()))
    });
    if !has_host {
        return wrong(
            MistakeKind::WrongType,
            values.place(key),
            "this is no address of a Redis server",
            mend,
        );
    }
    Some(url.clone())
}
