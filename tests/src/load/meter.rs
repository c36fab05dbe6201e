//! What a process and a disk can tell of themselves.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use cutover_daemon::clock::Clock;

/// The most memory that this process has held at once, in MiB; nothing where `/proc` does not tell.
pub(super) fn peak_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib / 1_024.0)
}

/// How many small writes a second the disk of `folder` makes durable, one after another.
///
/// # Errors
/// Those of the file.
pub(super) fn durable_writes_a_second(folder: &Path, clock: &Clock) -> io::Result<f64> {
    const LONGEST: Duration = Duration::from_secs(2);
    const MOST: u32 = 2_000;
    let path = folder.join("durable-writes");
    let mut file = File::create(&path)?;
    let start = clock.monotonic();
    let mut made = 0;
    while made < MOST && clock.monotonic() - start < LONGEST {
        file.write_all(&[0x5a; 4_096])?;
        file.sync_data()?;
        made += 1;
    }
    let took = (clock.monotonic() - start).as_secs_f64();
    std::fs::remove_file(path)?;
    Ok(f64::from(made) / took)
}
