//! The life of a process that a terminal can stop: running, stopped, ended.

use std::process::Child;
use std::thread;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use tokio::sync::watch;

use super::{Ended, HarnessError, failed};

/// What a process is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It runs, or waits to run.
    Running,
    /// A signal of this number has stopped it; SIGCONT lets it go on.
    Stopped(i32),
    /// It is no more.
    Ended(Ended),
}

/// A child process whose stops are seen, which tokio's own does not tell. Dropping it kills it.
#[derive(Debug)]
pub struct Watched {
    pid: Pid,
    life: watch::Receiver<Life>,
}

impl Watched {
    /// Watches over a child from now on; nobody else may wait for it.
    pub fn over(child: Child) -> Self {
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));
        // Its streams are closed here; the thread below is who reaps it.
        drop(child);
        let (tell, life) = watch::channel(Life::Running);
        thread::spawn(move || {
            loop {
                let life = match waitpid(pid, Some(WaitPidFlag::WUNTRACED | WaitPidFlag::WCONTINUED)) {
                    Ok(WaitStatus::Exited(_, code)) => Life::Ended(Ended::Code(code)),
                    Ok(WaitStatus::Signaled(_, signal, _)) => Life::Ended(Ended::Signal(signal as i32)),
                    Ok(WaitStatus::Stopped(_, signal)) => Life::Stopped(signal as i32),
                    Ok(_) => Life::Running,
                    Err(Errno::EINTR) => continue,
                    // Somebody else has reaped it: how it ended is not known.
                    Err(_) => Life::Ended(Ended::Code(-1)),
                };
                tell.send_replace(life);
                if matches!(life, Life::Ended(_)) {
                    return;
                }
            }
        });
        Self { pid, life }
    }

    /// The process id.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// What it is doing now.
    pub fn now(&self) -> Life {
        *self.life.borrow()
    }

    /// Hears of every change from now on. Nothing comes any more after [`Life::Ended`].
    pub fn changes(&self) -> watch::Receiver<Life> {
        self.life.clone()
    }

    /// Sends a signal. What has ended is left in peace: its id may be somebody else's by now.
    pub fn signal(&self, signal: Signal) -> Result<(), HarnessError> {
        if let Life::Ended(_) = self.now() {
            return Ok(());
        }
        kill(self.pid, signal).map_err(|error| failed("signalling a process")(error.into()))
    }

    /// Waits, without a limit, until it is no more.
    pub async fn ended(&self) -> Ended {
        let mut life = self.changes();
        loop {
            let now = *life.borrow_and_update();
            if let Life::Ended(ended) = now {
                return ended;
            }
            // The end is told before the teller goes.
            let _ = life.changed().await;
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = self.signal(Signal::SIGKILL);
    }
}
