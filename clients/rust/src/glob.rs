//! Globs: what a subscription hears of. Bytes, not letters; case matters; linear in glob times path, whatever they are.

/// A glob over paths below a root.
///
/// `*` and `?` match within a name, `[a-z]` and `[!a-z]` one byte, `**` any number of names (also none), and `\` takes
/// what follows literally. Without a `/` it matches the last name at any depth; a `/` in it ties it to the root.
///
/// ```
/// use smart_tree_sse::Glob;
///
/// assert!(Glob::new("*.rs").matches("src/main.rs"));
/// assert!(!Glob::new("/*.rs").matches("src/main.rs"));
/// assert!(Glob::new("src/**/*.rs").matches("src/main.rs"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    AnyNames,
    Name(Vec<Token>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Any,
    One,
    Byte(u8),
    Class { negated: bool, ranges: Vec<(u8, u8)> },
}

impl Glob {
    /// Whatever the bytes are, they are a glob.
    #[must_use]
    pub fn new(glob: impl AsRef<[u8]>) -> Self {
        let glob = glob.as_ref();
        let tied = glob.contains(&b'/');
        let glob = glob.strip_prefix(b"/").unwrap_or(glob);
        let names = glob.split(|&byte| byte == b'/').map(|name| match name {
            b"**" if tied => Part::AnyNames,
            name => Part::Name(tokens(name)),
        });
        let anywhere = if tied { None } else { Some(Part::AnyNames) };
        Self { parts: anywhere.into_iter().chain(names).collect() }
    }

    /// Whether it matches this path, which is relative to the root: the root's own is empty.
    #[must_use]
    pub fn matches(&self, path: impl AsRef<[u8]>) -> bool {
        let path = path.as_ref();
        let names: Vec<&[u8]> = path.split(|&byte| byte == b'/').filter(|_| !path.is_empty()).collect();
        wild(
            &self.parts,
            &names,
            |part| *part == Part::AnyNames,
            |part, name| match part {
                Part::Name(tokens) => matches_name(tokens, name),
                Part::AnyNames => false,
            },
        )
    }
}

fn matches_name(tokens: &[Token], name: &[u8]) -> bool {
    wild(
        tokens,
        name,
        |token| *token == Token::Any,
        |token, &byte| match token {
            Token::Any => false,
            Token::One => true,
            Token::Byte(literal) => *literal == byte,
            Token::Class { negated, ranges } => {
                ranges.iter().any(|&(low, high)| (low..=high).contains(&byte)) != *negated
            }
        },
    )
}

/// Whether the pattern matches all of the text, where some of its pieces stand for any number of items. Only the last
/// such piece is ever gone back to: what a piece before it took can stay as it is.
fn wild<P, T>(pattern: &[P], text: &[T], is_any: impl Fn(&P) -> bool, fits: impl Fn(&P, &T) -> bool) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p).is_some_and(&is_any) {
            back = Some((p + 1, t));
            p += 1;
        } else if pattern.get(p).is_some_and(|piece| fits(piece, &text[t])) {
            (p, t) = (p + 1, t + 1);
        } else if let Some((after, taken)) = back {
            back = Some((after, taken + 1));
            (p, t) = (after, taken + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(is_any)
}

fn tokens(name: &[u8]) -> Vec<Token> {
    let (mut tokens, mut rest) = (Vec::new(), name);
    while let Some((&byte, after)) = rest.split_first() {
        let (token, after) = match (byte, after) {
            (b'*', _) => (Token::Any, after),
            (b'?', _) => (Token::One, after),
            (b'\\', [literal, after @ ..]) => (Token::Byte(*literal), after),
            (b'[', _) => class(after).unwrap_or((Token::Byte(b'['), after)),
            _ => (Token::Byte(byte), after),
        };
        tokens.push(token);
        rest = after;
    }
    tokens
}

/// What follows a `[`, and what is after its `]`; None where there is none. A `]` that stands first is meant literally.
fn class(text: &[u8]) -> Option<(Token, &[u8])> {
    let negated = text.first() == Some(&b'!');
    let mut rest = &text[usize::from(negated)..];
    let mut ranges = Vec::new();
    loop {
        let (mut low, mut after) = rest.split_first()?;
        if *low == b']' && !ranges.is_empty() {
            return Some((Token::Class { negated, ranges }, after));
        }
        if *low == b'\\' {
            (low, after) = after.split_first()?;
        }
        (ranges, rest) = match after {
            [b'-', high, after @ ..] if *high != b']' => (with(ranges, (*low, *high)), after),
            _ => (with(ranges, (*low, *low)), after),
        };
    }
}

fn with(mut ranges: Vec<(u8, u8)>, range: (u8, u8)) -> Vec<(u8, u8)> {
    ranges.push(range);
    ranges
}
