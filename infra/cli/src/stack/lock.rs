//! One process at a time: two stacks may come up at once, but only one of them makes what they share.

use std::fs::File;
use std::path::Path;

use super::StackError;

/// Waits for the lock file `path` and returns it locked; dropping it, or the end of the process, gives it back.
pub(super) fn lock(path: &Path) -> Result<File, StackError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(StackError::io("create", folder))?;
    }
    let file = File::create(path).map_err(StackError::io("create", path))?;
    file.lock().map_err(StackError::io("lock", path))?;
    Ok(file)
}
