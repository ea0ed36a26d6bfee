//! The order of the modules: the map in `src/lib.rs` is what the code does.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Modules that only tests and fuzz targets compile. They may use every module, and no module of the map may use them
/// outside its own tests.
const FOR_TESTS: [&str; 3] = ["properties", "testing", "trait_probe"];

/// A path in the source that leads to another module.
#[derive(Debug, PartialEq, Eq)]
struct Use {
    line: usize,
    /// The path from the crate root, as far as it is lower case.
    path: Vec<String>,
    /// Whether it is in an inline module of tests.
    in_tests: bool,
}

/// A source file and the path of its module.
struct Source {
    file: PathBuf,
    module: Vec<String>,
    text: String,
}

#[test]
fn every_module_uses_only_modules_further_down_the_map() {
    let map = map();
    let wrong: Vec<String> = sources().iter().flat_map(|source| against_the_map(source, &map)).collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn the_map_lists_every_module_once() {
    let map = map();
    let listed: BTreeSet<&str> = map.iter().map(String::as_str).collect();
    assert_eq!(listed.len(), map.len(), "{map:?}");
    let all: BTreeSet<String> = sources().into_iter().map(|source| source.module[0].clone()).collect();
    let all: BTreeSet<&str> =
        all.iter().map(String::as_str).filter(|name| !FOR_TESTS.contains(name)).collect();
    assert_eq!(listed, all, "the map in src/lib.rs and the folders of src/ differ");
}

#[test]
fn no_two_files_of_a_folder_use_each_other() {
    let mut uses: BTreeMap<(Vec<String>, Vec<String>), String> = BTreeMap::new();
    for source in sources().iter().filter(|source| !is_of_tests(&source.module)) {
        for used in uses_in(&source.text, &source.module).iter().filter(|used| !used.in_tests) {
            if let Some(pair) = siblings(&source.module, &used.path) {
                let place = format!("{}:{}", source.file.display(), used.line);
                uses.entry(pair).or_insert(place);
            }
        }
    }
    let cycles = uses.iter().filter_map(|((one, other), place)| {
        let back = uses.get(&(other.clone(), one.clone())).filter(|_| one < other)?;
        let (one, other) = (one.join("::"), other.join("::"));
        Some(format!("{one} and {other} use each other: see {place} and {back}"))
    });
    let cycles: Vec<String> = cycles.collect();
    assert!(cycles.is_empty(), "\n{}\n", cycles.join("\n"));
}

/// The modules in the order of the map.
fn map() -> Vec<String> {
    let text = fs::read_to_string(root().join("src/lib.rs")).expect("src/lib.rs");
    let names = text.lines().filter_map(|line| line.strip_prefix("//! - [`")?.split_once("`]:"));
    names.map(|(name, _)| name.to_owned()).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every source file but `lib.rs` and `main.rs`.
fn sources() -> Vec<Source> {
    let mut folders = vec![root().join("src")];
    let mut sources = vec![];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let file = path.strip_prefix(root()).expect("below the root").to_owned();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && file.components().count() > 1
            {
                let text = fs::read_to_string(&path).expect("a source file");
                sources.push(Source { module: module_of(&file), file, text });
            }
        }
    }
    sources.retain(|source| !matches!(source.module[0].as_str(), "lib" | "main"));
    sources.sort_by(|one, other| one.file.cmp(&other.file));
    sources
}

/// The path of the module in a file: `["link", "act"]` for `src/link/act.rs`.
fn module_of(file: &Path) -> Vec<String> {
    let path = file.with_extension("");
    let names = path.components().skip(1).map(|name| name.as_os_str().to_string_lossy().into_owned());
    names.filter(|name| name != "mod").collect()
}

fn is_of_tests(module: &[String]) -> bool {
    FOR_TESTS.contains(&module[0].as_str()) || module.iter().any(|name| name == "tests")
}

/// What is wrong with the uses in one file.
fn against_the_map(source: &Source, map: &[String]) -> Vec<String> {
    let own = &source.module[0];
    let place = |name: &String| map.iter().position(|listed| listed == name);
    if FOR_TESTS.contains(&own.as_str()) {
        return vec![];
    }
    let tests = is_of_tests(&source.module);
    let uses = uses_in(&source.text, &source.module).into_iter();
    let wrong = uses.filter(|used| used.path[0] != *own).filter_map(|used| {
        let name = &used.path[0];
        if FOR_TESTS.contains(&name.as_str()) {
            // An inline module of another name than `tests` may be for tests too: the compiler checks the rest.
            return (!tests && !used.in_tests && !source.text.contains("cfg(test)"))
                .then(|| format!("uses `{name}`, which only tests may use"))
                .map(|why| (used.line, why));
        }
        let why = match (place(own), place(name)) {
            (Some(own_place), Some(place)) if place > own_place => return None,
            (Some(_), Some(_)) => format!("uses `{name}`, which is above `{own}` in the map of src/lib.rs"),
            (None, _) => format!("the module `{own}` is missing from the map of src/lib.rs"),
            (_, None) => format!("uses `{name}`, which is missing from the map of src/lib.rs"),
        };
        Some((used.line, why))
    });
    let wrong: BTreeSet<_> = wrong.collect();
    wrong.into_iter().map(|(line, why)| format!("{}:{line}: {why}", source.file.display())).collect()
}

/// The two modules below a common parent, the one that uses and the one that is used; `None` within one of them, and at
/// the crate root, where the map counts.
fn siblings(own: &[String], used: &[String]) -> Option<(Vec<String>, Vec<String>)> {
    let common = own.iter().zip(used).take_while(|(one, other)| one == other).count();
    let apart = common > 0 && common < own.len() && common < used.len();
    apart.then(|| (own[..=common].to_vec(), used[..=common].to_vec()))
}

/// Every path that begins with `crate::`, `self::` or `super::`, from the crate root.
fn uses_in(text: &str, module: &[String]) -> Vec<Use> {
    let mut uses = vec![];
    let mut inline: Option<String> = None;
    let lines: Vec<&str> = text.lines().collect();
    for (number, line) in lines.iter().enumerate() {
        if line.trim_start().starts_with("//") {
            continue;
        }
        if let Some(name) = inline_module(line) {
            inline = Some(name);
        } else if *line == "}" {
            inline = None;
        }
        let mut here = module.to_vec();
        here.extend(inline.clone());
        for start in starts(line) {
            // A group goes on in the lines below.
            let rest = lines[number + 1..]
                .iter()
                .take(20)
                .fold(line[start..].to_owned(), |text, line| text + " " + line.trim());
            for path in resolve(&rest, &here) {
                let in_tests = inline.is_some();
                uses.push(Use { line: number + 1, path, in_tests });
            }
        }
    }
    uses
}

/// `mod tests {` at the margin, where rustfmt puts it.
fn inline_module(line: &str) -> Option<String> {
    let line = line.strip_prefix("pub ").or_else(|| line.strip_prefix("pub(crate) ")).unwrap_or(line);
    Some(line.strip_prefix("mod ")?.strip_suffix(" {")?.to_owned())
}

/// Where paths begin in a line.
fn starts(line: &str) -> Vec<usize> {
    let begins = |at: &usize| {
        let before = line[..*at].chars().next_back();
        before.is_none_or(|before| !before.is_alphanumeric() && !matches!(before, '_' | ':' | '"'))
    };
    let found =
        ["crate::", "self::", "super::"].iter().flat_map(|root| line.match_indices(root).map(|(at, _)| at));
    found.filter(begins).collect()
}

/// The paths of modules that a path of the source leads to, from the crate root. One, or several where it ends in a group.
fn resolve(text: &str, here: &[String]) -> Vec<Vec<String>> {
    let (root, rest) = text.split_once("::").expect("a path");
    let mut path = match root {
        "crate" => vec![],
        "self" => here.to_vec(),
        _ => here[..here.len() - 1].to_vec(),
    };
    let mut rest = rest;
    while let Some(further) = rest.strip_prefix("super::") {
        path.pop();
        rest = further;
    }
    follow(rest, path)
}

fn follow(text: &str, path: Vec<String>) -> Vec<Vec<String>> {
    if let Some(group) = text.strip_prefix('{') {
        return members(group).into_iter().flat_map(|member| follow(member, path.clone())).collect();
    }
    let end = text.find(|char: char| !char.is_alphanumeric() && char != '_').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let is_module = name.starts_with(|char: char| char.is_ascii_lowercase());
    if !is_module {
        return if path.is_empty() { vec![] } else { vec![path] };
    }
    let mut path = path;
    path.push(name.to_owned());
    match rest.strip_prefix("::") {
        Some(further) => follow(further, path),
        None => vec![path],
    }
}

/// The parts of a group, up to its end.
fn members(group: &str) -> Vec<&str> {
    let (mut depth, mut from, mut members) = (0, 0, vec![]);
    for (at, char) in group.char_indices() {
        match char {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                members.push(group[from..at].trim());
                from = at + 1;
                if char == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    members.retain(|member| !member.is_empty());
    members
}

#[test]
fn a_use_of_a_higher_or_an_unlisted_module_is_found() {
    let map = ["operator", "link", "crd"].map(str::to_owned);
    let wrong = |module: &[&str], text: &str| {
        let module: Vec<String> = module.iter().map(|name| (*name).to_owned()).collect();
        let source = Source { file: PathBuf::from("src/x.rs"), module, text: text.to_owned() };
        against_the_map(&source, &map)
    };
    assert_eq!(
        wrong(&["link", "act"], "use crate::crd::Reason;\n// crate::operator\nuse super::operator;\n"),
        [""; 0]
    );
    assert_eq!(
        wrong(&["link", "act"], "\nuse crate::operator::run;\n"),
        ["src/x.rs:2: uses `operator`, which is above `link` in the map of src/lib.rs"]
    );
    let group = "use crate::{\n    crd::{Reason, LinkRef},\n    other,\n};\n";
    assert_eq!(
        wrong(&["link"], group),
        ["src/x.rs:1: uses `other`, which is missing from the map of src/lib.rs"]
    );
    assert_eq!(
        wrong(&["crd"], "mod tests {\n    use super::super::link::Subject;\n}\n"),
        ["src/x.rs:2: uses `link`, which is above `crd` in the map of src/lib.rs"]
    );
    assert_eq!(
        wrong(&["new"], "let x = crate::crd::GROUP;\n"),
        ["src/x.rs:1: the module `new` is missing from the map of src/lib.rs"]
    );
}
