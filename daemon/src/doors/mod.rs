//! Where others come in. A door authorises and delegates; rules live behind it.

pub mod http;
pub mod rpc;
