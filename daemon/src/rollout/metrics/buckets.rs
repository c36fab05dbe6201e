//! Buckets of latencies and what can be said of their counts. Below 128 µs a bucket is one microsecond wide; above, each octave has
//! 64 of equal width, as an HDR histogram has them. A bucket is told by its middle, so that a quantile is off by 0.8 % at the most.

use std::collections::BTreeMap;

/// Buckets that halve an octave six times.
const SUB: u32 = 64;

/// The longest latency that is told apart, in microseconds: 71 minutes. What took longer counts as this.
pub const LONGEST_US: u64 = u32::MAX as u64;

/// How many buckets there are.
pub const BUCKETS: usize = 27 * SUB as usize;

/// What [`Histogram::encode`] writes first.
const FORMAT: u8 = 1;

/// The bytes are no histogram that this version writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("these bytes are no histogram")]
pub struct NoHistogram;

/// The bucket of a latency in microseconds, below [`BUCKETS`].
pub const fn bucket(us: u64) -> usize {
    // Below the longest it fits into 32 bits.
    #[expect(clippy::cast_possible_truncation, reason = "it is at most the longest, which has 32 bits")]
    let us = if us > LONGEST_US { u32::MAX } else { us as u32 };
    let shift = (32 - us.leading_zeros()).saturating_sub(7);
    (shift * SUB + (us >> shift)) as usize
}

/// First and last microsecond of a bucket.
pub const fn bounds(bucket: usize) -> (u64, u64) {
    let bucket = bucket as u64;
    if bucket < 2 * (SUB as u64) {
        return (bucket, bucket);
    }
    let shift = bucket / (SUB as u64) - 1;
    let first = (bucket - shift * (SUB as u64)) << shift;
    (first, first + (1 << shift) - 1)
}

/// Counts by bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    counts: BTreeMap<u16, u64>,
    total: u64,
}

impl Histogram {
    /// Adds calls of one latency, microseconds.
    pub fn add(&mut self, us: u64, calls: u64) {
        self.add_bucket(bucket(us), calls);
    }

    /// Adds calls to a bucket; one that does not exist is the last.
    pub fn add_bucket(&mut self, bucket: usize, calls: u64) {
        if calls == 0 {
            return;
        }
        let bucket = u16::try_from(bucket.min(BUCKETS - 1)).unwrap_or_default();
        let count = self.counts.entry(bucket).or_default();
        *count = count.saturating_add(calls);
        self.total = self.total.saturating_add(calls);
    }

    /// Adds all of another.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, calls) in &other.counts {
            self.add_bucket(usize::from(*bucket), *calls);
        }
    }

    /// Calls in it.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The latency that `per_mille` of 1,000 calls do not exceed, microseconds; none without calls.
    pub fn quantile(&self, per_mille: u64) -> Option<u64> {
        let wanted = u128::from(self.total) * u128::from(per_mille.min(1_000));
        let wanted = wanted.div_ceil(1_000).max(1);
        let mut seen = 0_u128;
        for (bucket, calls) in &self.counts {
            seen += u128::from(*calls);
            if seen >= wanted {
                let (first, last) = bounds(usize::from(*bucket));
                return Some(first.midpoint(last));
            }
        }
        None
    }

    /// The time of all calls together, microseconds.
    pub fn time_us(&self) -> u128 {
        let of = |(bucket, calls): (&u16, &u64)| {
            let (first, last) = bounds(usize::from(*bucket));
            u128::from(first.midpoint(last)) * u128::from(*calls)
        };
        self.counts.iter().map(of).sum()
    }

    /// Calls that took longer than this, microseconds. Those in the bucket of `us` itself are not among them.
    pub fn count_above(&self, us: u64) -> u64 {
        if us >= LONGEST_US {
            return 0;
        }
        let own = u16::try_from(bucket(us)).unwrap_or_default();
        self.counts.range(own + 1..).map(|(_, calls)| *calls).sum()
    }

    /// In few bytes: a version, then for each bucket its distance from the one before and its count, seven bits a byte.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![FORMAT];
        let mut last = 0;
        for (bucket, calls) in &self.counts {
            varint(&mut bytes, u64::from(bucket - last));
            varint(&mut bytes, *calls);
            last = *bucket;
        }
        bytes
    }

    /// What [`Histogram::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, NoHistogram> {
        let (FORMAT, mut rest) =
            bytes.split_first().map(|(format, rest)| (*format, rest)).ok_or(NoHistogram)?
        else {
            return Err(NoHistogram);
        };
        let (mut histogram, mut bucket) = (Self::default(), 0_u64);
        while !rest.is_empty() {
            let distance = read_varint(&mut rest)?;
            let calls = read_varint(&mut rest)?;
            bucket = bucket.checked_add(distance).ok_or(NoHistogram)?;
            let is_next = distance > 0 || histogram.counts.is_empty();
            let at = usize::try_from(bucket).ok().filter(|at| *at < BUCKETS && is_next && calls > 0);
            histogram.total.checked_add(calls).ok_or(NoHistogram)?;
            histogram.add_bucket(at.ok_or(NoHistogram)?, calls);
        }
        Ok(histogram)
    }
}

fn varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    // What is left is below 0x80.
    bytes.push((number & 0x7f) as u8);
}

fn read_varint(rest: &mut &[u8]) -> Result<u64, NoHistogram> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first().ok_or(NoHistogram)?;
        *rest = after;
        let bits = u64::from(byte & 0x7f);
        // What does not fit is no number that was written.
        if (bits << shift) >> shift != bits {
            return Err(NoHistogram);
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(NoHistogram)
}

#[cfg(test)]
mod tests;
