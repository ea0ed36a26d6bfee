//! The company that a person logs in to.

use std::fmt;
use std::str::FromStr;

/// A ConnectWise login company, in its writer's spelling. ConnectWise takes it in any case; compare with
/// [`CompanyId::is_same`].
///
/// The characters left out would end the company inside a URL path or inside `company+key:secret`, where it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CompanyId(String);

/// Why a text is not a company id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompanyIdError {
    /// Nothing there.
    #[error("the company ID is empty")]
    Empty,
    /// Longer than [`CompanyId::MAX_BYTES`].
    #[error("the company ID is longer than 64 characters")]
    TooLong,
    /// The first character is neither a letter nor a digit.
    #[error("the company ID does not begin with a letter or digit")]
    FirstCharacter,
    /// A character, counted from 1, that a company cannot have.
    #[error(
        "character {0} is not allowed (use printable ASCII without white space and without + : / ? # @ % \\)"
    )]
    Character(usize),
}

impl CompanyId {
    /// No company is longer.
    pub(crate) const MAX_BYTES: usize = 64;

    /// Reads a company.
    ///
    /// # Errors
    /// When the text breaks one of the rules that [`CompanyIdError`] names.
    pub fn parse(text: &str) -> Result<Self, CompanyIdError> {
        let first = text.chars().next().ok_or(CompanyIdError::Empty)?;
        if !first.is_ascii_alphanumeric() {
            return Err(CompanyIdError::FirstCharacter);
        }
        if let Some(at) = text.chars().position(|c| !c.is_ascii_graphic() || "+:/?#@%\\".contains(c)) {
            return Err(CompanyIdError::Character(at + 1));
        }
        if text.len() > Self::MAX_BYTES {
            return Err(CompanyIdError::TooLong);
        }
        Ok(Self(text.to_owned()))
    }

    /// The company as it was spelled.
    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The company in lower case: two spellings of one company are equal here.
    #[must_use]
    pub(crate) fn to_lowercase(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// Whether both are one company to ConnectWise.
    #[must_use]
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl FromStr for CompanyId {
    type Err = CompanyIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for CompanyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn companies_as_people_have_them_are_taken() {
        for text in ["myco", "MyCo_f", "7eleven", "a-b.c", "o'neill&sons", "x".repeat(64).as_str()] {
            assert_eq!(CompanyId::parse(text).map(|c| c.to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_would_break_out_of_a_path_or_of_basic_authentication_is_refused() {
        use CompanyIdError::{Character, Empty, FirstCharacter, TooLong};
        for (text, why) in [
            ("", Empty),
            ("_co", FirstCharacter),
            ("..", FirstCharacter),
            (" co", FirstCharacter),
            ("my co", Character(3)),
            ("myco\n", Character(5)),
            ("a+b", Character(2)),
            ("a:b", Character(2)),
            ("a/b", Character(2)),
            ("a?b", Character(2)),
            ("a#b", Character(2)),
            ("a@b", Character(2)),
            ("a%2e", Character(2)),
            ("a\\b", Character(2)),
            ("müller", Character(2)),
            (&"x".repeat(65), TooLong),
        ] {
            assert_eq!(CompanyId::parse(text), Err(why), "{text:?}");
        }
    }

    #[test]
    fn the_error_says_where_and_what_to_write_instead() {
        let said = CompanyId::parse("a+b").map_err(|e| e.to_string());
        assert_eq!(
            said.unwrap_err(),
            "character 2 is not allowed (use printable ASCII without white space and without + : / ? # @ % \\)"
        );
    }

    #[test]
    fn spelling_in_another_case_is_the_same_company_but_not_the_same_text() {
        let (one, other) = (CompanyId::parse("MyCo").unwrap(), CompanyId::parse("myco").unwrap());
        assert!(one.is_same(&other));
        assert_ne!(one, other);
        assert_eq!(one.to_lowercase(), "myco");
    }

    proptest! {
        #[test]
        fn whatever_is_taken_stays_within_the_rules(text in any::<String>()) {
            if let Ok(company) = CompanyId::parse(&text) {
                prop_assert_eq!(company.as_str(), &text);
                prop_assert!(text.len() <= CompanyId::MAX_BYTES && text.bytes().all(|b| b.is_ascii_graphic()));
            }
        }
    }
}
