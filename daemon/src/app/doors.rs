//! Opens the doors that the configuration asks for.

use crate::config::{Config, SocketAccess};
use crate::doors::rpc::{Access, ListenError, Listener};

pub(super) fn open(config: &Config) -> Result<Listener, ListenError> {
    let access = match &config.rpc.access {
        SocketAccess::Owner => Access::Owner,
        SocketAccess::Group { gid, .. } => Access::Group(*gid),
    };
    Listener::open(&config.rpc.socket, access)
}
