//! Answers kept for conditional requests. A 304 costs no budget; the key holds who asked, so that one tenant's
//! answer can never be another's.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::HeaderValue;
use lru::LruCache;

use super::identity::Identity;

/// What an entry costs besides its texts.
const OVERHEAD: usize = 256;
/// One answer may take at most this share of the whole.
const LARGEST_SHARE: usize = 8;

#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) etag: HeaderValue,
    pub(crate) link: Option<String>,
    pub(crate) body: Bytes,
}

pub(crate) struct ConditionalCache {
    max_bytes: usize,
    state: Mutex<State>,
}

struct State {
    entries: LruCache<(Identity, String), Arc<Kept>>,
    bytes: usize,
}

impl ConditionalCache {
    /// `entries` 0 keeps one entry; `bytes` 0 keeps none.
    pub(crate) fn new(entries: usize, bytes: usize) -> Self {
        let entries = NonZeroUsize::new(entries).unwrap_or(NonZeroUsize::MIN);
        Self { max_bytes: bytes, state: Mutex::new(State { entries: LruCache::new(entries), bytes: 0 }) }
    }

    pub(crate) fn get(&self, who: Identity, uri: &str) -> Option<Arc<Kept>> {
        self.state().entries.get(&(who, uri.to_owned())).cloned()
    }

    pub(crate) fn put(&self, who: Identity, uri: &str, kept: Kept) {
        let cost = cost(uri, &kept);
        let mut state = self.state();
        if cost > self.max_bytes / LARGEST_SHARE {
            if let Some(old) = state.entries.pop(&(who, uri.to_owned())) {
                state.bytes -= self::cost(uri, &old);
            }
            return;
        }
        state.bytes += cost;
        // `push` also gives back what it pushed out for lack of entries.
        if let Some(((_, old_uri), old)) = state.entries.push((who, uri.to_owned()), Arc::new(kept)) {
            state.bytes -= self::cost(&old_uri, &old);
        }
        while state.bytes > self.max_bytes
            && let Some(((_, old_uri), old)) = state.entries.pop_lru()
        {
            state.bytes -= self::cost(&old_uri, &old);
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cost(uri: &str, kept: &Kept) -> usize {
    OVERHEAD + uri.len() + kept.body.len() + kept.etag.len() + kept.link.as_ref().map_or(0, String::len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kept(tag: &'static str, size: usize) -> Kept {
        Kept { etag: HeaderValue::from_static(tag), link: None, body: Bytes::from(vec![b'x'; size]) }
    }

    #[test]
    fn an_answer_is_found_only_by_who_asked() {
        let cache = ConditionalCache::new(10, 1 << 20);
        let uri = "https://api.github.com/installation/repositories";
        cache.put(Identity::Installation(100), uri, kept("\"a\"", 1));
        assert!(cache.get(Identity::Installation(200), uri).is_none());
        assert!(cache.get(Identity::App, uri).is_none());
        assert_eq!(cache.get(Identity::Installation(100), uri).unwrap().etag, "\"a\"");
    }

    proptest! {
        #[test]
        fn bytes_and_entries_stay_bounded_and_the_account_is_right(
            puts in proptest::collection::vec((0_i64..8, 0_usize..3_000), 0..200),
        ) {
            let cache = ConditionalCache::new(5, 8_192);
            for (who, size) in puts {
                cache.put(Identity::Installation(who), "u", kept("\"t\"", size));
                let state = cache.state();
                let sum: usize = state.entries.iter().map(|((_, uri), kept)| cost(uri, kept)).sum();
                prop_assert_eq!(sum, state.bytes);
                prop_assert!(state.bytes <= 8_192 && state.entries.len() <= 5);
            }
        }
    }
}
