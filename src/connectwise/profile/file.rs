//! The YAML shape of a profiles file, and what makes one wrong.
//!
//! Every rule is checked while the text is read, inside the visitor of the element that it is about: only there does an
//! error still know its field and line.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Action, AllowList, Function, FunctionLine, Level, Profile};

/// A profiles file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProfilesFile {
    /// The profiles, sorted by name; no two have the same one.
    #[serde(deserialize_with = "profiles")]
    pub(super) profiles: Vec<Profile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfileBody {
    source: Name,
    #[serde(deserialize_with = "lines")]
    functions: Vec<FunctionLine>,
    board: Option<BoardRequirement>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BoardRequirement {
    #[serde(rename = "defaultTeam")]
    default_team: Requirement,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Requirement {
    Required,
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
    customize: Option<AllowList>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AllowListBody {
    identifier: Name,
    allow: Vec<Name>,
}

/// A name that is fit to be shown: these stand in `status` as they are written here.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Name(String);

#[derive(PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
struct ProfileName(String);

impl TryFrom<String> for Name {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let fits =
            (1..=200).contains(&text.len()) && text.trim() == text && !text.chars().any(char::is_control);
        if fits {
            Ok(Self(text))
        } else {
            Err("a name has 1 to 200 bytes on one line, without white space around it")
        }
    }
}

impl TryFrom<String> for ProfileName {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let fits = text.len() <= 64
            && text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if fits {
            Ok(Self(text))
        } else {
            Err(
                "a profile's name begins with a letter and has at most 64 of the characters A-Z a-z 0-9 - _ .",
            )
        }
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
                return Err("a line for a whole module names under `decisive` the functions that decide");
            }
            (_, Some(_)) => return Err("`decisive` goes only with function \"*\""),
            (_, None) => Function::Named(function.0),
        };
        if customize.is_some() && matches!(function, Function::WholeModule { .. }) {
            return Err("`customize` belongs to one function, not to \"*\"");
        }
        let given =
            [(Action::Add, add), (Action::Edit, edit), (Action::Delete, delete), (Action::Inquire, inquire)];
        let levels: BTreeMap<_, _> =
            given.into_iter().filter_map(|(action, level)| level.map(|level| (action, level))).collect();
        if levels.is_empty() {
            return Err("a line names at least one of `add`, `edit`, `delete`, `inquire`");
        }
        if levels.values().any(|level| *level == Level::None) {
            return Err("`None` asks for nothing: write My or All, or leave the action out");
        }
        Ok(Self { module: module.0, function, levels, customize })
    }
}

impl TryFrom<AllowListBody> for AllowList {
    type Error = &'static str;

    fn try_from(body: AllowListBody) -> Result<Self, Self::Error> {
        if !body.identifier.0.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err("`identifier` has only letters and digits, as SystemTableSetup");
        }
        if body.allow.is_empty() {
            return Err("`allow` names at least one item");
        }
        Ok(Self { identifier: body.identifier.0, allow: texts(body.allow) })
    }
}

fn texts(names: Vec<Name>) -> Vec<String> {
    names.into_iter().map(|name| name.0).collect()
}

impl<'de> Deserialize<'de> for FunctionLine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        checked::<LineBody, Self, D>(deserializer)
    }
}

impl<'de> Deserialize<'de> for AllowList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        checked::<AllowListBody, Self, D>(deserializer)
    }
}

/// Reads a map as `Body` and checks it, before the reader leaves the map and forgets where it was.
fn checked<'de, Body, Checked, D>(deserializer: D) -> Result<Checked, D::Error>
where
    Body: Deserialize<'de>,
    Checked: TryFrom<Body, Error = &'static str>,
    D: Deserializer<'de>,
{
    struct Map<Body, Checked>(std::marker::PhantomData<(Body, Checked)>);

    impl<'de, Body, Checked> Visitor<'de> for Map<Body, Checked>
    where
        Body: Deserialize<'de>,
        Checked: TryFrom<Body, Error = &'static str>,
    {
        type Value = Checked;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Checked, A::Error> {
            Body::deserialize(MapAccessDeserializer::new(map))?.try_into().map_err(A::Error::custom)
        }
    }

    deserializer.deserialize_map(Map(std::marker::PhantomData))
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
            while let Some(line) = seq.next_element::<FunctionLine>()? {
                if lines
                    .iter()
                    .any(|earlier| earlier.module == line.module && earlier.function == line.function)
                {
                    let number = lines.len() + 1;
                    return Err(A::Error::custom(format!(
                        "entry {number} names the same function as an earlier one"
                    )));
                }
                lines.push(line);
            }
            if lines.is_empty() {
                Err(A::Error::custom("a profile names at least one function"))
            } else {
                Ok(lines)
            }
        }
    }

    deserializer.deserialize_seq(Lines)
}

/// The profiles by name. A name that stands twice is refused: YAML libraries let the last one win, unseen.
fn profiles<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Profile>, D::Error> {
    struct Profiles;

    impl<'de> Visitor<'de> for Profiles {
        type Value = Vec<Profile>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("profiles by name")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut profiles: BTreeMap<String, Profile> = BTreeMap::new();
            while let Some(ProfileName(name)) = map.next_key()? {
                if profiles.contains_key(&name) {
                    return Err(A::Error::custom(format!("profile {name} is defined twice")));
                }
                let ProfileBody { source, functions, board } = map.next_value()?;
                let default_team_required =
                    matches!(board, Some(BoardRequirement { default_team: Requirement::Required }));
                let profile =
                    Profile { name: name.clone(), source: source.0, lines: functions, default_team_required };
                profiles.insert(name, profile);
            }
            Ok(profiles.into_values().collect())
        }
    }

    deserializer.deserialize_map(Profiles)
}
