//! What a process and a disk can tell of themselves.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use cutover_daemon::clock::Clock;

/// Ticks of `/proc/PID/stat` in a second: `USER_HZ`, which Linux has fixed at 100 for programs.
const TICKS: f64 = 100.0;

/// A process, by what `/proc` tells of it.
#[derive(Debug, Clone)]
pub(crate) struct Process(String);

impl Process {
    /// This process.
    pub(crate) fn this() -> Self {
        Self("self".to_owned())
    }

    /// The process of this id.
    pub(crate) fn of(pid: impl std::fmt::Display) -> Self {
        Self(pid.to_string())
    }

    fn file(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(format!("/proc/{}/{name}", self.0)).ok()
    }

    fn status(&self, field: &str) -> Option<f64> {
        let status = self.file("status")?;
        let value = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
        value.trim().trim_end_matches("kB").trim().parse().ok()
    }

    /// The most memory that it has held at once, in MiB; nothing where `/proc` does not tell.
    pub(crate) fn peak_mib(&self) -> Option<f64> {
        Some(self.status("VmHWM")? / 1_024.0)
    }

    /// The memory that it holds now, in MiB.
    pub(crate) fn memory_mib(&self) -> Option<f64> {
        Some(self.status("VmRSS")? / 1_024.0)
    }

    /// How often its first thread has gone to sleep by itself.
    pub(crate) fn naps(&self) -> Option<f64> {
        self.status("voluntary_ctxt_switches")
    }

    /// Seconds of processor time that it has had, in steps of 10 ms.
    pub(crate) fn cpu_seconds(&self) -> Option<f64> {
        let stat = self.file("stat")?;
        // The program's name may hold blanks and brackets: only what follows the last bracket can be counted.
        let (_, fields) = stat.rsplit_once(')')?;
        let mut times = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
        let (user, system) = (times.next()?.ok()?, times.next()?.ok()?);
        Some((user + system) / TICKS)
    }
}

/// How long this thread has been ready to run while others had the processors; nothing where the kernel does not tell.
pub(crate) fn waited() -> Option<Duration> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    told.split_whitespace().nth(1)?.parse().ok().map(Duration::from_nanos)
}

/// How many small writes a second the disk of `folder` makes durable, one after another.
///
/// # Errors
/// Those of the file.
pub(crate) fn durable_writes_a_second(folder: &Path, clock: &Clock) -> io::Result<f64> {
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

/// Times that were taken of the same thing, in milliseconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Times(Vec<f64>);

impl Times {
    /// Adds one.
    pub(crate) fn add(&mut self, took: Duration) {
        self.0.push(took.as_secs_f64() * 1_000.0);
    }

    /// Adds those of another.
    pub(crate) fn add_all(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// That which so many in a thousand do not exceed; infinite where there is none, so that it misses every bar.
    pub(crate) fn permille(&self, share: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let at = (sorted.len() * share).div_ceil(1_000).saturating_sub(1);
        sorted.get(at).copied().unwrap_or(f64::INFINITY)
    }

    /// The middle one.
    pub(crate) fn median(&self) -> f64 {
        self.permille(500)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_and_its_neighbours() {
        let mut times = Times::default();
        assert!(times.median().is_infinite());
        for ms in (1..=200).rev() {
            times.add(Duration::from_millis(ms));
        }
        let figures = [times.median(), times.permille(990), times.permille(1_000)].map(f64::round);
        assert_eq!(figures, [100.0, 198.0, 200.0]);
        assert_eq!(times.count(), 200);
    }

    #[test]
    fn a_process_tells_of_itself() {
        let this = Process::this();
        assert!(this.memory_mib().unwrap() <= this.peak_mib().unwrap());
        assert!(this.cpu_seconds().unwrap() >= 0.0 && this.naps().unwrap() >= 0.0);
        assert_eq!(Process::of("none").cpu_seconds(), None);
    }
}
