//! The YAML shape of a profiles file, and what makes one wrong.
//!
//! Every rule is checked while the text is read, inside the visitor of the element that it is about: only there does an
//! error still know its field and line.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::requirements::{CustomizeList, Function, FunctionLine, Profile};
use crate::connectwise::level::{Action, Level};

/// The file of the built-in profiles.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BuiltInFile {
    /// The profiles, sorted by name; no two have the same one.
    #[serde(deserialize_with = "built_in")]
    profiles: Vec<Profile>,
}

/// An operator's own profiles file: none of its profiles has the name of a built-in one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OwnFile {
    /// The profiles, sorted by name; no two have the same one.
    #[serde(deserialize_with = "own")]
    pub(super) profiles: Vec<Profile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfileBody {
    source: Name,
    #[serde(deserialize_with = "lines")]
    functions: Vec<FunctionLine>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LineBody {
    module: Name,
    function: Name,
    decisive: Option<Vec<Name>>,
    add: Option<Level>,
    edit: Option<Level>,
    delete: Option<Level>,
    inquire: Option<Level>,
    customize: Option<CustomizeList>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CustomizeBody {
    identifier: Name,
    allow: Vec<Name>,
}

/// A name that can be shown: `status` repeats these as they are written here.
struct Name(String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Name, E> {
                let fits = (1..=200).contains(&text.len())
                    && text.trim() == text
                    && !text.chars().any(char::is_control);
                if fits {
                    Ok(Name(text.to_owned()))
                } else {
                    Err(E::custom("a name has 1 to 200 bytes on one line, without white space around it"))
                }
            }
        }

        deserializer.deserialize_str(Text)
    }
}

impl TryFrom<LineBody> for FunctionLine {
    type Error = &'static str;

    fn try_from(body: LineBody) -> Result<Self, Self::Error> {
        let LineBody { module, function, decisive, add, edit, delete, inquire, customize } = body;
        let function = match (function.0.as_str(), decisive) {
            ("*", Some(decisive)) if !decisive.is_empty() => {
                Function::WholeModule { decisive: texts(decisive) }
            }
            ("*", _) => {
                return Err("a line with function \"*\" needs `decisive` with the functions that decide");
            }
            (_, Some(_)) => return Err("`decisive` is only allowed with function \"*\""),
            (_, None) => Function::Named(function.0),
        };
        if customize.is_some() && matches!(function, Function::WholeModule { .. }) {
            return Err("`customize` is not allowed with function \"*\"");
        }
        let given =
            [(Action::Add, add), (Action::Edit, edit), (Action::Delete, delete), (Action::Inquire, inquire)];
        let levels: BTreeMap<_, _> =
            given.into_iter().filter_map(|(action, level)| level.map(|level| (action, level))).collect();
        if levels.is_empty() {
            return Err("a line needs at least one of `add`, `edit`, `delete`, `inquire`");
        }
        if levels.values().any(|level| *level == Level::None) {
            return Err("`None` requires nothing; write My or All, or leave the action out");
        }
        Ok(Self { module: module.0, function, levels, customize })
    }
}

impl TryFrom<CustomizeBody> for CustomizeList {
    type Error = &'static str;

    fn try_from(body: CustomizeBody) -> Result<Self, Self::Error> {
        if !body.identifier.0.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err("`identifier` contains only letters and digits, such as SystemTableSetup");
        }
        if body.allow.is_empty() {
            return Err("`allow` needs at least one item");
        }
        Ok(Self { identifier: body.identifier.0, allow: texts(body.allow) })
    }
}

fn texts(names: Vec<Name>) -> Vec<String> {
    names.into_iter().map(|name| name.0).collect()
}

impl<'de> Deserialize<'de> for CustomizeList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Map;

        impl<'de> Visitor<'de> for Map {
            type Value = CustomizeList;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<CustomizeList, A::Error> {
                CustomizeBody::deserialize(MapAccessDeserializer::new(map))?
                    .try_into()
                    .map_err(A::Error::custom)
            }
        }

        deserializer.deserialize_map(Map)
    }
}

/// The lines of one profile: at least one, and no function twice.
fn lines<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<FunctionLine>, D::Error> {
    struct Lines;

    impl<'de> Visitor<'de> for Lines {
        type Value = Vec<FunctionLine>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of functions")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut lines: Vec<FunctionLine> = Vec::new();
            while let Some(line) = seq.next_element_seed(NewLine { earlier: &lines })? {
                lines.push(line);
            }
            if lines.is_empty() {
                Err(A::Error::custom("a profile needs at least one function"))
            } else {
                Ok(lines)
            }
        }
    }

    deserializer.deserialize_seq(Lines)
}

/// A line about a function that no earlier line is about.
struct NewLine<'a> {
    earlier: &'a [FunctionLine],
}

impl<'de> DeserializeSeed<'de> for NewLine<'_> {
    type Value = FunctionLine;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<FunctionLine, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for NewLine<'_> {
    type Value = FunctionLine;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<FunctionLine, A::Error> {
        let body = LineBody::deserialize(MapAccessDeserializer::new(map))?;
        let line = FunctionLine::try_from(body).map_err(A::Error::custom)?;
        let is_same =
            |earlier: &FunctionLine| earlier.module == line.module && earlier.function == line.function;
        if self.earlier.iter().any(is_same) {
            Err(A::Error::custom("repeats the function of an earlier line"))
        } else {
            Ok(line)
        }
    }
}

/// The profiles that are part of the program.
pub(super) fn built_in_profiles() -> Vec<Profile> {
    let file: BuiltInFile = serde_saphyr::from_str(include_str!("../../../profiles/builtin.yaml"))
        .expect("the built-in profiles are part of the program, and a test reads them");
    file.profiles
}

fn built_in<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Profile>, D::Error> {
    deserializer.deserialize_map(ByName { taken: &[] })
}

fn own<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Profile>, D::Error> {
    deserializer.deserialize_map(ByName { taken: &built_in_profiles() })
}

/// The profiles by name.
struct ByName<'a> {
    taken: &'a [Profile],
}

impl<'de> Visitor<'de> for ByName<'_> {
    type Value = Vec<Profile>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("profiles by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut profiles: BTreeMap<String, Profile> = BTreeMap::new();
        while let Some(name) = map.next_key_seed(FreeName { taken: self.taken })? {
            let ProfileBody { source, functions } = map.next_value()?;
            let profile = Profile { name: name.clone(), source: source.0, lines: functions };
            profiles.insert(name, profile);
        }
        Ok(profiles.into_values().collect())
    }
}

/// A name that a profile may have. The YAML library refuses one that is there twice.
struct FreeName<'a> {
    taken: &'a [Profile],
}

impl<'de> DeserializeSeed<'de> for FreeName<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for FreeName<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a profile")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<String, E> {
        let fits = name.len() <= 64
            && name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if !fits {
            return Err(E::custom(
                "a profile's name begins with a letter and has at most 64 of the characters A-Z a-z 0-9 - _ .",
            ));
        }
        if self.taken.iter().any(|profile| profile.name == name) {
            return Err(E::custom(format!(
                "profile {name} is built in and cannot be redefined; use another name"
            )));
        }
        Ok(name.to_owned())
    }
}
