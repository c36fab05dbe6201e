//! Conversations: the operator presses, the daemon answers.

mod acts;
mod asking;
mod gateway;
mod kill;
mod link;
