//! Conversations: the operator presses, the daemon answers.

mod acts;
mod asking;
mod kill;
mod link;
