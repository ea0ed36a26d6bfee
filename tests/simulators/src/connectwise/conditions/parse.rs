//! Text to condition: words, then a parser by descent (`or` over `and` over terms).

use serde_json::{Value, json};

use super::{Condition, Operator};

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Literal(Value),
    Symbol(&'static str),
}

/// The comparison symbols; those of two characters come first, so that `<=` is not read as `<`.
const SYMBOLS: [&str; 9] = ["!=", "<=", ">=", "=", "<", ">", "(", ")", ","];

/// Parses a condition.
///
/// # Errors
/// A sentence that names what could not be read.
pub(in crate::connectwise) fn parse(text: &str) -> Result<Condition, String> {
    let mut parser = Parser { tokens: tokens(text)?, next: 0 };
    let condition = parser.any()?;
    match parser.peek() {
        None => Ok(condition),
        Some(token) => Err(format!("unexpected {token:?} in conditions")),
    }
}

fn tokens(mut text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    loop {
        text = text.trim_start();
        let Some(first) = text.chars().next() else { return Ok(tokens) };
        if let Some(symbol) = SYMBOLS.iter().find(|symbol| text.starts_with(**symbol)) {
            tokens.push(Token::Symbol(symbol));
            text = &text[symbol.len()..];
        } else if let Some(closing) = closing_of(first) {
            let inner = &text[1..];
            let end = inner.find(closing).ok_or_else(|| format!("{first} is not closed in conditions"))?;
            tokens.push(Token::Literal(json!(inner[..end])));
            text = &inner[end + 1..];
        } else {
            let ends = |c: char| c.is_whitespace() || "=!<>(),".contains(c);
            let end = text.find(ends).unwrap_or(text.len());
            if end == 0 {
                return Err(format!("unexpected {first} in conditions"));
            }
            tokens.push(word(&text[..end]));
            text = &text[end..];
        }
    }
}

/// The end of a quoted string or a bracketed date.
fn closing_of(first: char) -> Option<char> {
    match first {
        '"' | '\'' => Some(first),
        '[' => Some(']'),
        _ => None,
    }
}

fn word(text: &str) -> Token {
    match text.to_ascii_lowercase().as_str() {
        "true" => Token::Literal(json!(true)),
        "false" => Token::Literal(json!(false)),
        "null" => Token::Literal(Value::Null),
        lower => match lower.parse::<f64>() {
            Ok(number) if number.is_finite() => Token::Literal(json!(number)),
            _ => Token::Word(text.to_owned()),
        },
    }
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn take(&mut self) -> Result<Token, String> {
        let token = self.peek().cloned().ok_or("conditions end too soon")?;
        self.next += 1;
        Ok(token)
    }

    fn took_word(&mut self, wanted: &str) -> bool {
        let there = matches!(self.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(wanted));
        self.next += usize::from(there);
        there
    }

    fn took_symbol(&mut self, wanted: &str) -> bool {
        let there = matches!(self.peek(), Some(Token::Symbol(symbol)) if *symbol == wanted);
        self.next += usize::from(there);
        there
    }

    fn any(&mut self) -> Result<Condition, String> {
        let mut parts = vec![self.all()?];
        while self.took_word("or") {
            parts.push(self.all()?);
        }
        Ok(Condition::Any(parts))
    }

    fn all(&mut self) -> Result<Condition, String> {
        let mut parts = vec![self.term()?];
        while self.took_word("and") {
            parts.push(self.term()?);
        }
        Ok(Condition::All(parts))
    }

    fn term(&mut self) -> Result<Condition, String> {
        if self.took_symbol("(") {
            let inner = self.any()?;
            return if self.took_symbol(")") {
                Ok(inner)
            } else {
                Err("( is not closed in conditions".into())
            };
        }
        let property = match self.take()? {
            Token::Word(name) => name,
            other => return Err(format!("expected a property name instead of {other:?} in conditions")),
        };
        let negated = self.took_word("not");
        let condition = if self.took_word("in") {
            Condition::In { property, values: self.values()? }
        } else {
            let operator = self.operator()?;
            Condition::Compare { property, operator, value: self.value()? }
        };
        Ok(if negated { Condition::Not(Box::new(condition)) } else { condition })
    }

    fn operator(&mut self) -> Result<Operator, String> {
        if self.took_word("like") {
            return Ok(Operator::Like);
        }
        if self.took_word("contains") {
            return Ok(Operator::Contains);
        }
        match self.take()? {
            Token::Symbol("=") => Ok(Operator::Equal),
            Token::Symbol("!=") => Ok(Operator::NotEqual),
            Token::Symbol("<") => Ok(Operator::Less),
            Token::Symbol("<=") => Ok(Operator::LessOrEqual),
            Token::Symbol(">") => Ok(Operator::Greater),
            Token::Symbol(">=") => Ok(Operator::GreaterOrEqual),
            other => Err(format!("expected an operator instead of {other:?} in conditions")),
        }
    }

    fn value(&mut self) -> Result<Value, String> {
        match self.take()? {
            Token::Literal(value) => Ok(value),
            other => Err(format!("expected a value instead of {other:?} in conditions")),
        }
    }

    fn values(&mut self) -> Result<Vec<Value>, String> {
        if !self.took_symbol("(") {
            return Err("expected ( after in, in conditions".into());
        }
        let mut values = vec![self.value()?];
        while self.took_symbol(",") {
            values.push(self.value()?);
        }
        if self.took_symbol(")") { Ok(values) } else { Err("( is not closed in conditions".into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_named() {
        for (text, problem) in [
            ("id =", "conditions end too soon"),
            ("name = \"open", "\" is not closed in conditions"),
            ("(id = 1", "( is not closed in conditions"),
            ("id = 1 2", "unexpected Literal(Number(2.0)) in conditions"),
            ("id 1", "expected an operator instead of Literal(Number(1.0)) in conditions"),
        ] {
            assert_eq!(parse(text), Err(problem.to_owned()), "{text}");
        }
    }
}
