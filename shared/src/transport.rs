//! JSON frames of bounded size over any byte stream.

use std::io::{Error, ErrorKind};
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use tarpc::serde_transport::{self, Transport};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_serde::{Deserializer, Serializer};
use tokio_util::codec::{Decoder, LengthDelimitedCodec};

use crate::rpc::MAX_FRAME;

/// A request may wait this long at most. tarpc keeps deadlines in a timer that panics beyond two years, and adds them
/// to a clock that overflows.
pub const LONGEST_DEADLINE: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// Wraps a connected stream. Frames are a big-endian `u32` length and JSON; a longer one than
/// [`MAX_FRAME`] ends the connection, as does a deadline over [`LONGEST_DEADLINE`].
pub fn framed<S, In, Out>(stream: S) -> Transport<S, In, Out, Frames<In, Out>>
where
    S: AsyncRead + AsyncWrite,
    In: for<'de> Deserialize<'de>,
    Out: Serialize,
{
    let codec = LengthDelimitedCodec::builder().max_frame_length(MAX_FRAME).new_codec();
    serde_transport::new(codec.framed(stream), Frames(PhantomData))
}

/// JSON whose deadlines are looked at before anybody counts on them.
#[derive(Debug)]
pub struct Frames<In, Out>(PhantomData<fn(Out) -> In>);

/// As much of a frame as says its deadline; an answer has none.
#[derive(Deserialize)]
struct Outline {
    #[serde(default, rename = "Request")]
    request: Option<RequestOutline>,
}

#[derive(Deserialize)]
struct RequestOutline {
    context: ContextOutline,
}

#[derive(Deserialize)]
struct ContextOutline {
    #[serde(default)]
    deadline: Duration,
}

impl<In, Out> Deserializer<In> for Frames<In, Out>
where
    In: for<'de> Deserialize<'de>,
{
    type Error = Error;

    fn deserialize(self: Pin<&mut Self>, frame: &BytesMut) -> Result<In, Error> {
        let outline: Outline = serde_json::from_slice(frame)?;
        if outline.request.is_some_and(|request| request.context.deadline > LONGEST_DEADLINE) {
            return Err(Error::new(ErrorKind::InvalidData, "a deadline of more than 400 days"));
        }
        Ok(serde_json::from_slice(frame)?)
    }
}

impl<In, Out> Serializer<Out> for Frames<In, Out>
where
    Out: Serialize,
{
    type Error = Error;

    fn serialize(self: Pin<&mut Self>, item: &Out) -> Result<Bytes, Error> {
        Ok(serde_json::to_vec(item)?.into())
    }
}
