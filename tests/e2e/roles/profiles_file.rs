//! Faults of a profiles file: each ends the process with one line that names the file, the field and the line.

use std::fs;
use std::path::Path;

use crate::process::refused;

const LINE: &str = "{module: System, function: API Reports, inquire: All}";

/// A profile on lines 2 to 5 whose one line of the role is this, on line 5.
fn profile(line: &str) -> String {
    format!("profiles:\n  Own:\n    source: the team's own\n    functions:\n      - {line}\n")
}

/// Starts the operator with this path as its profiles file, and returns its complaint without flag and path.
fn complaint(path: &Path) -> String {
    let (code, said) = refused(&[&format!("--profiles={}", path.display())]);
    assert_eq!(code, Some(2), "{said}");
    let complaint = said.strip_prefix("cwlink cannot start:\n  --profiles: ").unwrap_or_default();
    assert_eq!(complaint.lines().count(), 1, "one line about the file and nothing else: {said}");
    assert!(complaint.contains(&path.display().to_string()), "{said}");
    complaint.trim_end().replace(&path.display().to_string(), "FILE")
}

#[test]
fn a_fault_in_the_content_is_named_with_field_and_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let second = |name: &str| format!("{}  {name}:\n    source: x\n    functions: [{LINE}]\n", profile(LINE));
    let cases = [
        ("not YAML", "profiles: [".to_owned(), ["profiles", "line 1"]),
        ("a tab", profile(LINE).replace("    source", "\tsource"), ["tabs disallowed", "line 3"]),
        ("a field beside the profiles", profile(LINE) + "roles: {}\n", ["unknown field `roles`", "line 6"]),
        (
            "unknown field",
            profile("{module: System, function: API Reports, read: All}"),
            ["profiles.Own.functions[0].read: unknown field `read`", "line 5"],
        ),
        (
            "a board",
            profile(LINE) + "    board: {defaultTeam: required}\n",
            ["profiles.Own.board: unknown field `board`", "line 6"],
        ),
        (
            "unknown level",
            profile("{module: System, function: API Reports, inquire: Every}"),
            ["profiles.Own.functions[0].inquire: unknown variant `Every`", "line 5"],
        ),
        (
            "no level",
            profile("{module: System, function: API Reports}"),
            ["profiles.Own.functions[0]: a line needs at least one", "line 5"],
        ),
        (
            "no function",
            profile("{module: System, inquire: All}"),
            ["profiles.Own.functions[0]: missing field `function`", "line 5"],
        ),
        (
            "a function of no name",
            profile("{module: System, function: '', inquire: All}"),
            ["profiles.Own.functions[0].function: a name has 1 to 200 bytes", "line 5"],
        ),
        (
            "no source",
            profile(LINE).replace("    source: the team's own\n", ""),
            ["profiles.Own: missing field `source`", "line 3"],
        ),
        (
            "twice the same function",
            profile(&format!("{LINE}\n      - {LINE}")),
            ["profiles.Own.functions[1]: repeats the function of an earlier line", "line 6"],
        ),
        ("twice the same name", second("Own"), ["profiles: duplicate mapping key `Own`", "line 6"]),
        ("a built-in name", second("GuideV1"), ["profiles.GuideV1: profile GuideV1 is built in", "line 6"]),
        ("no name", second("7th"), ["profiles.7th: a profile's name begins with a letter", "line 6"]),
        (
            "nothing in it",
            "profiles: {Own: {source: x, functions: []}}".to_owned(),
            ["profiles.Own.functions: a profile needs at least one", "line 1"],
        ),
    ];
    for (number, (name, content, parts)) in cases.into_iter().enumerate() {
        let path = folder.path().join(format!("profiles-{number}.yaml"));
        fs::write(&path, &content).expect("written");
        let said = complaint(&path);
        assert!(said.starts_with("failed to read the permission profiles in FILE: "), "{name}: {said}");
        for part in parts {
            assert!(said.contains(part), "{name}: {said} lacks {part:?}");
        }
    }
}

#[test]
fn what_is_no_file_of_text_is_said_to_be_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, content).expect("written");
        path
    };
    let latin1 = [profile(LINE).as_bytes(), b"    # caf\xe9\n"].concat();
    // One byte after the first MiB still belongs to a character that goes on.
    let large = format!("# {}", "é".repeat(600_000));
    for (path, said) in [
        (file("empty.yaml", b""), "FILE is empty"),
        (file("blank.yaml", b" \n\n"), "FILE is empty"),
        (file("latin1.yaml", &latin1), "FILE is not UTF-8 text: see line 6"),
        (file("large.yaml", large.as_bytes()), "FILE is larger than 1 MiB"),
        (folder.path().to_path_buf(), "cannot read FILE: Is a directory (os error 21)"),
        (folder.path().join("absent.yaml"), "cannot read FILE: No such file or directory (os error 2)"),
    ] {
        assert_eq!(complaint(&path), said);
    }
}
