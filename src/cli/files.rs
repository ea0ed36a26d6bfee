//! Files that flags name, read once at start.

use std::fs;
use std::io::Read as _;
use std::path::Path;

/// No file that is read whole at start has any business to be larger.
const MAX_BYTES: u64 = 1024 * 1024;

/// Reads a file of text.
///
/// # Errors
///
/// A sentence that names the file.
pub(super) fn text(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let mut text = String::new();
    let read = fs::File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_string(&mut text));
    match read {
        Err(error) => Err(format!("cannot read {shown}: {error}")),
        Ok(size) if size as u64 > MAX_BYTES => Err(format!("{shown} is larger than 1 MiB")),
        Ok(_) if text.trim().is_empty() => Err(format!("{shown} is empty")),
        Ok(_) => Ok(text),
    }
}
