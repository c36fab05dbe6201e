//! Bodies of deliveries as they lie on the disk: packed where that makes them smaller.

use std::cell::RefCell;

use bytes::Bytes;
use zstd::bulk::Compressor;

use super::load::{Read, corrupt};

/// Payloads are JSON with long URLs, where the first level already finds nearly all there is to find.
const LEVEL: i32 = 1;

const ZSTD: &str = "zstd";
const PLAIN: &str = "plain";

/// The largest body that is packed beside other work, in bytes: a millisecond of it at most.
pub(in crate::store::sqlite) const SMALL: usize = 256 * 1024;

thread_local! {
    /// Making one costs more than packing a small body.
    static PACKER: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
}

/// A body as it is stored.
pub(super) struct Packed {
    pub packing: &'static str,
    pub body: Bytes,
}

/// Packs a body; one that would grow stays as it is.
pub(super) fn pack(body: &Bytes) -> Packed {
    match compress(body) {
        Ok(packed) if packed.len() < body.len() => Packed { packing: ZSTD, body: packed.into() },
        _ => Packed { packing: PLAIN, body: body.clone() },
    }
}

/// A compressor that met a large body would keep its memory, in every thread.
fn compress(body: &[u8]) -> std::io::Result<Vec<u8>> {
    if body.len() > SMALL {
        return zstd::bulk::compress(body, LEVEL);
    }
    PACKER.with_borrow_mut(|packer| {
        let packer = match packer {
            Some(packer) => packer,
            None => packer.insert(Compressor::new(LEVEL)?),
        };
        packer.compress(body)
    })
}

/// The body of `bytes` bytes. What unpacks to more is refused before it is unpacked further.
pub(super) fn unpack(packing: &str, body: Vec<u8>, bytes: i64) -> Read<Bytes> {
    let damaged = |cause: String| corrupt("body of a delivery", cause);
    let expected = usize::try_from(bytes).map_err(|_| damaged(format!("{bytes} bytes")))?;
    let body = match packing {
        ZSTD => zstd::bulk::decompress(&body, expected).map_err(|error| damaged(error.to_string()))?,
        PLAIN => body,
        other => return Err(damaged(format!("unknown packing {other:?}"))),
    };
    if body.len() != expected {
        return Err(damaged(format!("{} of {expected} bytes", body.len())));
    }
    Ok(body.into())
}

#[cfg(test)]
mod tests;
