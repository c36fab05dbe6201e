//! Two arms in memory behind a real store: the queue, crashes, and who comes while something is under way.

mod crash;
mod queue;
mod turns;
mod world;
