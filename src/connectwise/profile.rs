//! Permission profiles: the role that Petra asks for, as data, because Petra has changed its list twice.

mod file;
mod requirements;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize as _;
use serde_path_to_error::{Deserializer, Track};
use serde_saphyr::{MergeKeyPolicy, UserMessageFormatter};

use file::OwnFile;
pub use requirements::{CustomizeList, Function, FunctionLine, Profile};

/// Every profile that this operator knows, by name.
#[derive(Clone, Debug, Default)]
pub struct Profiles(BTreeMap<String, Arc<Profile>>);

/// Why a profiles file is not used. Names the file, and the field and line that are at fault.
#[derive(Debug, thiserror::Error)]
#[error("failed to read the permission profiles in {file}: {field}{problem}")]
pub struct ProfileError {
    /// The file's name.
    file: String,
    /// The field, as a prefix; empty where the file as a whole is wrong.
    field: String,
    /// What, with line and column.
    problem: String,
}

impl Profiles {
    /// `GuideV1` and `TicketingV2`.
    ///
    /// # Panics
    /// Never: the profiles are part of the program, and a test reads them.
    #[must_use]
    pub fn builtin() -> Self {
        Self::default().with(file::built_in_profiles())
    }

    /// The built-in profiles and those of a file; `file_name` is for the error.
    ///
    /// # Errors
    /// When the text is not a profiles file, or defines a built-in profile again.
    pub(crate) fn with_file(text: &str, file_name: &str) -> Result<Self, ProfileError> {
        let mut place = Track::new();
        let read = serde_saphyr::with_deserializer_from_str_with_options(text, yaml(), |yaml| {
            OwnFile::deserialize(Deserializer::new(yaml, &mut place))
        });
        let file = read.map_err(|problem| {
            let field = place.path().to_string();
            // `.` is the file itself, and `?` a name that is not fit to be one.
            let field = field.trim_end_matches(['.', '?']);
            let field = if field.is_empty() { String::new() } else { format!("{field}: ") };
            let problem = problem.render_with_formatter(&UserMessageFormatter);
            ProfileError { file: file_name.to_owned(), field, problem }
        })?;
        Ok(Self::builtin().with(file.profiles))
    }

    /// The profile of that name, compared exactly.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Profile>> {
        self.0.get(name)
    }

    /// Every name, sorted.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    fn with(mut self, profiles: Vec<Profile>) -> Self {
        self.0.extend(profiles.into_iter().map(|profile| (profile.name.clone(), Arc::new(profile))));
        self
    }
}

/// How a file of the user's is read: what looks like a number, a merge or a tag is not quietly taken for text, and an
/// error does not quote the file.
fn yaml() -> serde_saphyr::Options {
    serde_saphyr::options! {
        merge_keys: MergeKeyPolicy::AsOrdinary,
        no_schema: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectwise::{Action, Level};
    use crate::crd::LinkSpec;

    fn refusal(text: &str) -> String {
        Profiles::with_file(text, "profiles.yaml").err().map(|error| error.to_string()).unwrap_or_default()
    }

    fn own(line: &str) -> String {
        format!("profiles:\n  Own:\n    source: ours\n    functions:\n      - {line}\n")
    }

    #[test]
    fn the_built_in_profiles_are_the_two_lists_of_the_guides() {
        let profiles = Profiles::builtin();
        assert_eq!(profiles.names().collect::<Vec<_>>(), ["GuideV1", "TicketingV2"]);
        let lines = profiles.get(LinkSpec::DEFAULT_PROFILE).unwrap().lines.iter().map(|line| {
            let levels: Vec<_> =
                line.levels.iter().map(|(action, level)| format!("{action}={level}")).collect();
            let allowed: Vec<_> = line.customize.iter().flat_map(|list| &list.allow).collect();
            format!("{}, {:?}: {} {allowed:?}", line.module, line.function, levels.join(" "))
        });
        insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r#"
        Companies, Named("Company Maintenance"): inquire=All []
        Companies, Named("Contacts"): inquire=All []
        Finance, WholeModule { decisive: ["Agreements"] }: add=All edit=All inquire=All []
        Service Desk, Named("Close Service Tickets"): edit=All inquire=All []
        Service Desk, Named("Service Tickets"): add=All edit=All inquire=All []
        System, Named("API Reports"): inquire=All []
        System, Named("Table Setup"): inquire=All ["Project / Project Board", "Service / Service Board", "Service / Source"]
        "#);
        let later = profiles.get("TicketingV2").unwrap();
        assert!(later.lines.iter().all(|line| line.module != "Finance"));
    }

    #[test]
    fn a_file_adds_profiles_to_the_built_in_ones() {
        let profiles =
            Profiles::with_file(&own("{module: System, function: API Reports, inquire: My}"), "x").unwrap();
        assert_eq!(profiles.names().collect::<Vec<_>>(), ["GuideV1", "Own", "TicketingV2"]);
        assert_eq!(profiles.get("Own").unwrap().lines[0].levels, [(Action::Inquire, Level::My)].into());
        assert!(profiles.get("own").is_none());
    }

    #[test]
    fn an_error_names_file_line_and_field() {
        const PREFIX: &str = "failed to read the permission profiles in profiles.yaml: ";
        let lines = [
            "{module: System, function: API Reports, inquire: Every}",
            "{module: System, function: API Reports, read: All}",
            "{module: System, function: API Reports}",
            "{module: System, function: API Reports, inquire: None}",
            "{module: System, function: ' API Reports', inquire: All}",
            "{module: Finance, function: '*', inquire: All}",
            "{module: Finance, function: Agreements, decisive: [Agreements], inquire: All}",
            "{module: System, function: Table Setup, inquire: All, customize: {identifier: SystemTableSetup, allow: []}}",
            "{module: System, function: Table Setup, inquire: All, customize: {identifier: 'a b', allow: [x]}}",
            "{module: A, function: B, inquire: All}\n      - {module: A, function: B, add: All}",
            "{module: A, module: B, function: B, inquire: All}",
            "{module: 1, function: B, inquire: All}",
            "{module: ~, function: B, inquire: All}",
            "{module: !env A, function: B, inquire: All}",
            "{<<: {module: A}, function: B, inquire: All}",
        ];
        let files = lines.map(own).into_iter().chain(
            [
                "profiles: {Own: {source: ours, functions: []}}",
                "profiles: {'1': {source: ours, functions: []}}",
                "profiles:\n  A: {source: x, functions: [{module: A, function: B, add: All}]}\n  A: {source: x, functions: [{module: A, function: B, add: All}]}",
                "profiles:\n  A: {source: x, functions: [{module: A, function: B, add: All}]}\n  GuideV1: {source: x, functions: [{module: A, function: B, add: All}]}",
                "profiles:\n  A:\n    source: x\n    functions: [{module: A, function: B, add: All}]\n    board: {defaultTeam: required}",
                "profiles: [",
                "profiles: {}\nprofiles: {}",
                "profiles: {}\n---\nprofiles: {}",
                "-----BEGIN PRIVATE KEY-----",
                "",
            ]
            .map(str::to_owned),
        );
        let refusals = files.map(|file| refusal(&file)).collect::<Vec<_>>().join("\n");
        insta::assert_snapshot!(refusals.replace(PREFIX, ""), @r#"
        profiles.Own.functions[0].inquire: unknown variant `Every`, expected one of None, My, All at line 5, column 58
        profiles.Own.functions[0].read: unknown field `read`, expected one of module, function, decisive, add, edit, delete, inquire, customize at line 5, column 49
        profiles.Own.functions[0]: a line needs at least one of `add`, `edit`, `delete`, `inquire` at line 5, column 9
        profiles.Own.functions[0]: `None` requires nothing; write My or All, or leave the action out at line 5, column 9
        profiles.Own.functions[0].function: a name has 1 to 200 bytes on one line, without white space around it at line 5, column 36
        profiles.Own.functions[0]: a line with function "*" needs `decisive` with the functions that decide at line 5, column 9
        profiles.Own.functions[0]: `decisive` is only allowed with function "*" at line 5, column 9
        profiles.Own.functions[0].customize: `allow` needs at least one item at line 5, column 74
        profiles.Own.functions[0].customize: `identifier` contains only letters and digits, such as SystemTableSetup at line 5, column 74
        profiles.Own.functions[1]: repeats the function of an earlier line at line 6, column 9
        profiles.Own.functions[0]: duplicate mapping key `module` is not allowed here at line 5, column 21
        profiles.Own.functions[0].module: value requires quoting at line 5, column 18
        profiles.Own.functions[0].module: null is not allowed here at line 5, column 18
        profiles.Own.functions[0]: unsupported tag `!env` at line 5, column 23
        profiles.Own.functions[0].<<: unknown field `<<`, expected one of module, function, decisive, add, edit, delete, inquire, customize at line 5, column 10
        profiles.Own.functions: a profile needs at least one function at line 1, column 43
        profiles.1: a profile's name begins with a letter and has at most 64 of the characters A-Z a-z 0-9 - _ . at line 1, column 12
        profiles: duplicate mapping key `A` is not allowed here at line 3, column 3
        profiles.GuideV1: profile GuideV1 is built in and cannot be redefined; use another name at line 3, column 3
        profiles.A.board: unknown field `board`, expected one of source, functions at line 5, column 5
        profiles: expected mapping start at line 1, column 11
        duplicate mapping key `profiles` is not allowed here at line 2, column 1
        only single YAML document expected but multiple found at line 3, column 1
        expected mapping start at line 1, column 1
        unexpected end of file at line 1, column 1
        "#);
        assert!(refusals.lines().all(|line| line.starts_with(PREFIX)));
    }
}
