use std::fs;
use std::os::unix::fs::symlink;

use super::{FolderError, read_folder};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn files_come_by_name_and_only_those_of_migrations() {
    let home = folder();
    for name in ["010_b.up.sql", "002_a.up.sql", "002_a.down.sql", "README.md", ".x.sql", "3_c.up.sql"] {
        fs::write(home.path().join(name), name).unwrap();
    }
    fs::create_dir(home.path().join("old")).unwrap();
    let files = read_folder(home.path()).unwrap();
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["002_a.down.sql", "002_a.up.sql", "010_b.up.sql", "3_c.up.sql"]);
    assert_eq!(files[0].1, b"002_a.down.sql");
}

#[test]
fn a_link_within_the_folder_is_followed_and_one_out_of_it_refused() {
    let (home, other) = (folder(), folder());
    // As Kubernetes shows a ConfigMap.
    fs::create_dir(home.path().join("..data")).unwrap();
    fs::write(home.path().join("..data/001_a.up.sql"), "SELECT 1").unwrap();
    symlink("..data/001_a.up.sql", home.path().join("001_a.up.sql")).unwrap();
    assert_eq!(read_folder(home.path()).unwrap(), [("001_a.up.sql".to_owned(), b"SELECT 1".to_vec())]);
    fs::write(other.path().join("secret"), "x").unwrap();
    symlink(other.path().join("secret"), home.path().join("002_b.up.sql")).unwrap();
    assert!(matches!(read_folder(home.path()), Err(FolderError::Outside { .. })));
}

#[test]
fn a_folder_that_is_itself_a_link_is_read() {
    let home = folder();
    fs::create_dir(home.path().join("real")).unwrap();
    fs::write(home.path().join("real/001_a.up.sql"), "SELECT 1").unwrap();
    symlink("real", home.path().join("link")).unwrap();
    assert_eq!(read_folder(&home.path().join("link")).unwrap().len(), 1);
}

#[test]
fn what_is_no_file_or_too_large_is_refused() {
    let home = folder();
    fs::create_dir(home.path().join("001_a.up.sql")).unwrap();
    assert!(matches!(read_folder(home.path()), Err(FolderError::NotAFile { .. })));
    let home = folder();
    fs::File::create(home.path().join("001_a.up.sql")).unwrap().set_len(4 * 1024 * 1024 + 1).unwrap();
    assert!(matches!(read_folder(home.path()), Err(FolderError::TooLarge { .. })));
    assert!(matches!(read_folder(&home.path().join("nowhere")), Err(FolderError::Io { .. })));
}

#[test]
fn too_many_files_are_refused() {
    let home = folder();
    for at in 0..=10_000 {
        fs::File::create(home.path().join(at.to_string())).unwrap();
    }
    assert!(matches!(read_folder(home.path()), Err(FolderError::TooMany { .. })));
}
