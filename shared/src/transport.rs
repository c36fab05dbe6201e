//! JSON frames of bounded size over any byte stream.

use serde::{Deserialize, Serialize};
use tarpc::serde_transport::{self, Transport};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_serde::formats::Json;
use tokio_util::codec::{Decoder, LengthDelimitedCodec};

use crate::rpc::MAX_FRAME;

/// Wraps a connected stream. Frames are a big-endian `u32` length and JSON; a longer one than
/// [`MAX_FRAME`] ends the connection.
pub fn framed<S, In, Out>(stream: S) -> Transport<S, In, Out, Json<In, Out>>
where
    S: AsyncRead + AsyncWrite,
    In: for<'de> Deserialize<'de>,
    Out: Serialize,
{
    let codec = LengthDelimitedCodec::builder().max_frame_length(MAX_FRAME).new_codec();
    serde_transport::new(codec.framed(stream), Json::default())
}
