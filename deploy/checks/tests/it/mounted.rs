//! Files as Kubernetes mounts a Secret: each is a link to one in a folder, and that folder is a link that is replaced as a whole.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A mounted Secret.
pub(crate) struct Mounted {
    folder: TempDir,
    version: u32,
}

impl Mounted {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let mut mounted = Self { folder: tempfile::tempdir().expect("a folder"), version: 0 };
        mounted.replace(files);
        for (name, _) in files {
            symlink(Path::new("..data").join(name), mounted.folder.path().join(name)).expect("a link");
        }
        mounted
    }

    /// Where a file is, whatever it holds.
    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("text").to_owned()
    }

    /// Replaces all files at once.
    pub(crate) fn replace(&mut self, files: &[(&str, &str)]) {
        let path = |name: &str| -> PathBuf { self.folder.path().join(name) };
        let [last, next] = [self.version, self.version + 1].map(|version| format!("..{version}"));
        fs::create_dir(path(&next)).expect("a folder");
        for (name, text) in files {
            fs::write(path(&next).join(name), text).expect("a file");
        }
        symlink(&next, path("..data_tmp")).expect("a link");
        fs::rename(path("..data_tmp"), path("..data")).expect("another link");
        if self.version > 0 {
            fs::remove_dir_all(path(&last)).expect("the files of before");
        }
        self.version += 1;
    }
}
