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
    let mut bytes = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    match read {
        Ok(_) => text_of(bytes, path),
        Err(error) => Err(format!("cannot read {}: {error}", path.display())),
    }
}

/// The text that the content of this file is.
pub(crate) fn text_of(bytes: Vec<u8>, path: &Path) -> Result<String, String> {
    let shown = path.display();
    // Before anything is said of the text: the cut may go through a character.
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("{shown} is larger than 1 MiB"));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.split(|byte| *byte == b'\n').count();
        format!("{shown} is not UTF-8 text: see line {line}")
    })?;
    if text.trim().is_empty() { Err(format!("{shown} is empty")) } else { Ok(text) }
}
