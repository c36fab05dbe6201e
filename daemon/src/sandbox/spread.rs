//! Where on the disk the sandboxes come to lie.

use std::path::Path;

/// Has the file system lay each folder below this one far from the others.
///
/// ext4 gives no inode anew for half a minute after it was freed, and looks at each such one on its way to the next free one. It makes
/// folders near the one they are in: the sandboxes that were just cleared away would slow down the making of the next, more with
/// each, up to ten times. Other file systems may not know the flag; nothing is lost without it.
pub(super) fn spread(folder: &Path) {
    #[cfg(target_os = "linux")]
    if let Err(error) = far_apart(folder) {
        tracing::debug!(folder = %folder.display(), %error, "the file system does not spread folders");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = folder;
}

#[cfg(target_os = "linux")]
fn far_apart(folder: &Path) -> std::io::Result<()> {
    use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};
    let folder = std::fs::File::open(folder)?;
    let flags = ioctl_getflags(&folder)?;
    Ok(ioctl_setflags(&folder, flags | IFlags::TOPDIR)?)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs::File;

    use nix::sys::statfs::{EXT4_SUPER_MAGIC, statfs};
    use rustix::fs::{IFlags, ioctl_getflags};

    use super::spread;

    #[test]
    fn folders_are_spread_on_ext4_and_left_alone_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        spread(folder.path());
        let is_ext4 = statfs(folder.path()).unwrap().filesystem_type() == EXT4_SUPER_MAGIC;
        let flags = ioctl_getflags(File::open(folder.path()).unwrap()).unwrap_or(IFlags::empty());
        assert!(!is_ext4 || flags.contains(IFlags::TOPDIR), "{flags:?}");
    }

    #[test]
    fn a_folder_that_is_not_there_is_no_error() {
        spread(std::path::Path::new("/nowhere/at/all"));
    }
}
