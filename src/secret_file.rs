//! The operator's own secrets: mounted files that are read again when they change.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// No key of either service comes near this size.
const MAX_BYTES: usize = 4096;

/// Why a secret file cannot be used. Never holds its content.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// Not there, or not readable.
    #[error("cannot read {path}: {error}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// Larger than any key.
    #[error("{0} is larger than 4096 bytes, so it is not a key")]
    TooLarge(PathBuf),
    /// Not one line of visible ASCII, which alone fits into an HTTP header.
    #[error("{0} is not one line of visible ASCII")]
    NotAKey(PathBuf),
}

/// A secret from a mounted file. Kubernetes swaps the file as a whole, so that it is read again every few seconds and
/// compared. Cheap to clone; all clones change together.
#[derive(Clone, Debug)]
pub struct SecretFile {
    /// The flag that names the file: for logs and metrics.
    flag: &'static str,
    path: Arc<Path>,
    loaded: watch::Sender<Loaded>,
}

#[derive(Clone, Debug)]
struct Loaded {
    generation: u64,
    secret: SecretString,
}

impl SecretFile {
    /// How often the file is looked at, before the timetable's speed.
    pub const PERIOD: Duration = Duration::from_secs(5);

    /// Reads the file, whose path `flag` named.
    ///
    /// # Errors
    ///
    /// When it does not hold one line of visible ASCII. White space around it is no part of the secret.
    pub fn open(flag: &'static str, path: &Path) -> Result<Self, SecretFileError> {
        let secret = read(path)?;
        let (loaded, _) = watch::channel(Loaded { generation: 0, secret });
        Ok(Self { flag, path: path.into(), loaded })
    }

    /// A file that holds this text and never changes.
    ///
    /// # Panics
    ///
    /// When the text cannot be a key.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn fixed(text: &str) -> Self {
        let secret = key_of(text.as_bytes(), Path::new("fixed")).expect("a key");
        let (loaded, _) = watch::channel(Loaded { generation: 0, secret });
        Self { flag: "--fixed", path: Path::new("fixed").into(), loaded }
    }

    /// The secret as last read: at least one character, and visible ASCII alone, so that it fits into an HTTP header.
    #[must_use]
    pub fn current(&self) -> SecretString {
        self.loaded.borrow().secret.clone()
    }

    /// Counts the changes since start: 0 is the content that the operator started with. Equal generations mean equal
    /// content.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.loaded.borrow().generation
    }

    /// Every change from now on; of several at once only the last.
    #[must_use]
    pub fn changes(&self) -> BoxStream<'static, ()> {
        changes(self.loaded.subscribe())
    }

    /// Looks at the file every `period` until `stop`. Calls `report` with the flag at every change, and with whether the
    /// new content can be used.
    ///
    /// A content that cannot be a key keeps the former: a secret that was emptied by mistake must not stop what works.
    pub async fn follow(
        self,
        period: Duration,
        report: impl Fn(&'static str, bool) + Send,
        stop: CancellationToken,
    ) {
        let flag = self.flag;
        let mut usable = true;
        while stop.run_until_cancelled(tokio::time::sleep(period)).await.is_some() {
            match self.look() {
                Ok(changed) => {
                    usable = true;
                    if changed {
                        info!(flag, "the file changed and was reloaded");
                        report(flag, true);
                    }
                }
                // Reported once, not every few seconds.
                Err(error) if usable => {
                    usable = false;
                    warn!(flag, %error, "the file changed and cannot be used; its previous content stays in use");
                    report(flag, false);
                }
                Err(_) => {}
            }
        }
    }

    /// Reads the file again; returns whether its content changed.
    fn look(&self) -> Result<bool, SecretFileError> {
        let secret = read(&self.path)?;
        Ok(self.loaded.send_if_modified(|loaded| {
            let differs = loaded.secret.expose_secret() != secret.expose_secret();
            if differs {
                *loaded = Loaded { generation: loaded.generation + 1, secret };
            }
            differs
        }))
    }
}

/// Every change of a watched value from now on; of several at once only the last. Ends with the sender.
pub(crate) fn changes<T: Send + Sync + 'static>(receiver: watch::Receiver<T>) -> BoxStream<'static, ()> {
    stream::unfold(receiver, |mut receiver| async { receiver.changed().await.ok().map(|()| ((), receiver)) })
        .boxed()
}

fn read(path: &Path) -> Result<SecretString, SecretFileError> {
    let unreadable = |error| SecretFileError::Unreadable { path: path.to_owned(), error };
    // All that may be read fits from the start: memory that grows leaves what it held behind.
    let mut bytes = zeroize::Zeroizing::new(Vec::with_capacity(MAX_BYTES + 1));
    fs::File::open(path)
        .and_then(|file| file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    key_of(&bytes, path)
}

/// The key that the content of this file is.
pub(crate) fn key_of(bytes: &[u8], path: &Path) -> Result<SecretString, SecretFileError> {
    if bytes.len() > MAX_BYTES {
        return Err(SecretFileError::TooLarge(path.to_owned()));
    }
    let key = bytes.trim_ascii();
    if key.is_empty() || !key.iter().all(u8::is_ascii_graphic) {
        return Err(SecretFileError::NotAKey(path.to_owned()));
    }
    let key = std::str::from_utf8(key).map_err(|_| SecretFileError::NotAKey(path.to_owned()))?;
    Ok(SecretString::from(key))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use futures::FutureExt;

    use super::*;

    fn open(path: &Path) -> Result<SecretFile, SecretFileError> {
        SecretFile::open("--petra-key-file", path)
    }

    #[test]
    fn white_space_around_a_key_is_no_part_of_it() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("key");
        fs::write(&path, "  key-1\r\n").expect("write");
        let file = open(&path).expect("a key");
        assert_eq!((file.current().expose_secret(), file.generation()), ("key-1", 0));
    }

    #[test]
    fn what_cannot_be_a_key_is_refused_without_being_shown() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("key");
        assert!(matches!(open(&path), Err(SecretFileError::Unreadable { .. })));
        for (content, refused) in [
            ("", "is not one line of visible ASCII"),
            (" \n", "is not one line of visible ASCII"),
            ("sesame one", "is not one line of visible ASCII"),
            ("sesame\none", "is not one line of visible ASCII"),
            ("sésame", "is not one line of visible ASCII"),
            (&"sesame".repeat(1000), "larger than 4096 bytes"),
        ] {
            fs::write(&path, content).expect("write");
            let error = open(&path).expect_err("refused").to_string();
            assert!(error.contains(refused) && !error.contains("same"), "{error}");
        }
        assert!(open(folder.path()).is_err(), "a folder is no file");
    }

    #[tokio::test]
    async fn a_swapped_link_is_a_new_generation_and_the_same_content_is_not() {
        let folder = tempfile::tempdir().expect("folder");
        let write = |name: &str, content: &str| fs::write(folder.path().join(name), content).expect("write");
        let swap = |target: &str| {
            // As the kubelet does: a link beside, renamed over the old one.
            let (fresh, link) = (folder.path().join("..data_tmp"), folder.path().join("key"));
            symlink(target, &fresh).expect("link");
            fs::rename(fresh, link).expect("rename");
        };
        write("one", "key-1");
        write("again", "key-1\n");
        write("two", "key-2");
        write("bad", "");
        swap("one");
        let file = open(&folder.path().join("key")).expect("a key");

        swap("again");
        assert!(!file.look().expect("readable"));
        swap("bad");
        assert!(file.look().is_err());
        assert_eq!((file.current().expose_secret(), file.generation()), ("key-1", 0));
        swap("two");
        let clone = file.clone();
        let mut changes = file.changes();
        assert!(file.look().expect("readable"));
        assert_eq!(changes.next().now_or_never(), Some(Some(())), "the change is reported once");
        assert_eq!(changes.next().now_or_never(), None);
        assert_eq!(clone.generation(), 1, "every clone sees the change");
        assert_eq!(clone.current().expose_secret(), "key-2");
    }

    #[test]
    fn debug_output_does_not_show_the_secret() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("key");
        fs::write(&path, "sesame").expect("write");
        assert!(!format!("{:?}", open(&path).expect("a key")).contains("sesame"));
    }
}
