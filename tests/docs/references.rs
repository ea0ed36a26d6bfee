//! What the documents refer to exists: files, headings, tests.

use std::path::{Path, PathBuf};

use crate::README;
use crate::table::rows;

const RELIABILITY: &str = include_str!("../../docs/reliability.md");
#[test]
fn every_guarantee_names_tests_that_exist() {
    let sources = ["src", "tests"].map(|folder| Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
    let sources = sources.iter().map(|folder| source_under(folder)).collect::<String>();
    let guarantees = rows(RELIABILITY, "Guarantee");
    let numbers: Vec<_> = guarantees.iter().map(|row| row[0].split('.').next().unwrap_or_default()).collect();
    assert_eq!(numbers, ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"]);
    for row in &guarantees {
        for test in row[1].split(", ") {
            let name = test.trim_matches('`');
            assert!(is_test(&sources, name), "docs/reliability.md: test {name} does not exist");
        }
    }
}

/// Whether these sources have a test of this name, and not just a function.
fn is_test(sources: &str, name: &str) -> bool {
    let (before, _) = sources.split_once(&format!("fn {name}(")).unwrap_or_default();
    let lines = before.lines().rev().skip_while(|line| matches!(line.trim(), "" | "async"));
    lines.map(str::trim).take_while(|line| line.starts_with("#[")).any(|line| line.contains("test"))
}

/// Every Rust source in a folder, one after the other.
fn source_under(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).expect("a folder of this repository");
    entries
        .map(|entry| {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                source_under(&path)
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                std::fs::read_to_string(&path).expect("a source")
            } else {
                String::new()
            }
        })
        .collect()
}

#[test]
fn every_file_that_the_readme_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let is_part_of_a_path = |c: char| c.is_ascii_alphanumeric() || "._/-".contains(c);
    for word in README.split(|c| !is_part_of_a_path(c)) {
        let path = word.trim_end_matches(['.', '/']);
        let shipped = ["crds/", "deploy/", "docs/", "profiles/", "tests/"]
            .iter()
            .any(|folder| path.starts_with(folder));
        assert!(!shipped || root.join(path).exists(), "README.md names {path}, which does not exist");
    }
}

#[test]
fn every_link_between_the_documents_leads_to_a_file_and_a_heading() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let in_docs = std::fs::read_dir(root.join("docs")).expect("a folder").map(|entry| {
        let path = entry.expect("an entry").path();
        path.strip_prefix(root).expect("a path of this repository").to_owned()
    });
    let at_the_root = ["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(PathBuf::from);
    for document in in_docs.chain(at_the_root) {
        let shown = document.display();
        let text = std::fs::read_to_string(root.join(&document)).expect("a document");
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://")) {
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() {
                root.join(&document)
            } else {
                root.join(&document).with_file_name(file)
            };
            assert!(path.exists(), "{shown} links to {target}, which does not exist");
            let found = heading.is_empty() || {
                let linked = std::fs::read_to_string(&path).expect("a document");
                linked.lines().any(|line| line.starts_with('#') && anchor(line) == heading)
            };
            assert!(found, "{shown} links to {target}, but {} has no such heading", path.display());
        }
    }
}

/// The anchor that Git hosts give a heading.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}
