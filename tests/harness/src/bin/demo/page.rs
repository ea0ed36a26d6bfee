//! The output to the terminal.

use std::io::{self, IsTerminal as _, Write as _};

/// Longest line of text. Commands and tables are not wrapped.
const WIDTH: usize = 100;

/// Indentation of commands and their output.
const INDENT: &str = "    ";

/// The output of the demo.
pub(crate) struct Page {
    /// Whether headings are bold: only on a terminal.
    bold: bool,
    headings: usize,
    out: io::Stdout,
}

impl Page {
    pub(crate) fn of_this_terminal() -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let out = io::stdout();
        Self { bold: out.is_terminal() && !plain, headings: 0, out }
    }

    /// Begins a step.
    pub(crate) fn heading(&mut self, text: &str) {
        self.headings += 1;
        self.blank();
        self.line(&self.strong(&format!("{}. {text}", self.headings)));
    }

    /// Prints a paragraph.
    pub(crate) fn text(&self, text: &str) {
        wrapped(text, WIDTH).for_each(|line| self.line(&line));
    }

    /// Prints an empty line.
    pub(crate) fn blank(&self) {
        self.line("");
    }

    /// Shows a command as a person would type it.
    pub(crate) fn command(&self, command: &str) {
        self.blank();
        self.output(&format!("$ {command}"));
    }

    /// Shows one line of what a command prints.
    pub(crate) fn output(&self, line: &str) {
        self.line(&format!("{INDENT}{line}"));
    }

    /// Shows reason and message of a link.
    pub(crate) fn message(&self, link: &str, reason: &str, message: &str) {
        self.blank();
        self.output(&self.strong(&format!("{link}: {reason}")));
        wrapped(message, WIDTH - 2 * INDENT.len()).for_each(|line| self.output(&format!("{INDENT}{line}")));
    }

    /// A line is visible immediately, also through a pipe.
    fn line(&self, line: &str) {
        let mut out = self.out.lock();
        // The reader may be gone.
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }

    fn strong(&self, text: &str) -> String {
        if self.bold { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Breaks text between words. A longer word gets a line of its own.
fn wrapped(text: &str, width: usize) -> impl Iterator<Item = String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_never_within_one() {
        let lines: Vec<_> = wrapped("one two  three elephantine", 8).collect();
        assert_eq!(lines, ["one two", "three", "elephantine"]);
    }
}
