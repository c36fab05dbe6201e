//! GitHub, as the daemon speaks to it.
