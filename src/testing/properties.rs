//! What must hold for every text and every answer from outside, whatever it is.
//!
//! Each function takes raw input and panics where a property does not hold. `tests` calls them with generated input, and
//! the targets of `fuzz/` with libFuzzer's.

pub mod answer;
pub mod connectwise;
pub mod conversation;
pub mod files;
pub mod petra;
pub mod reply;
pub mod secret;
pub mod texts;
pub(crate) mod verdicts;

#[cfg(test)]
mod tests;

/// Is placed in free text of bodies and in keys. No closed type can hold it, because of the space in it.
pub const CANARY: &str = "canary \u{1f424}";
/// Its one word, which fits ids, names, hosts and companies: whether it is allowed depends on the place.
const WORD: &str = "canary";

/// Nothing of free text from outside is in what is shown, logged or kept. Of text that a closed type may hold, this must be
/// called with the rest alone: arbitrary input may well name a host `canary.myconnectwise.net`.
fn tells_nothing(shown: &str) {
    assert!(!shown.contains(WORD), "text from outside is shown: {shown}");
}
