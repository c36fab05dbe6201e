//! Handling deliveries again, one or all of a filter.

use super::Inbox;

impl Inbox {
    /// Says that deliveries wait again.
    pub(super) fn wake(&self) {
        self.news.notify_one();
    }
}
