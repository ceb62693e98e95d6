//! `reference decode DIR` reads each `*.mq` of a directory, as the crate does, into a file that ends in `.text` beside it;
//! `reference encode DIR [FLAGS]` makes a `.mq` of each `*.text`. What the crate refuses has a file that ends in `.refused`.

use std::{env, error::Error, fs, path::Path};

use marqant::Marqant;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().collect();
    let (from, to) = match arguments[1].as_str() {
        "decode" => ("mq", "text"),
        _ => ("text", "mq"),
    };
    let flags = arguments.get(3).map(String::as_str);
    for entry in fs::read_dir(&arguments[2])? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == from) {
            carry(&path, to, flags)?;
        }
    }
    Ok(())
}

fn carry(path: &Path, to: &str, flags: Option<&str>) -> Result<(), Box<dyn Error>> {
    let given = fs::read_to_string(path)?;
    let made = match to {
        "text" => Marqant::decompress_marqant(&given),
        _ => Marqant::compress_markdown_with_flags(&given, flags),
    };
    match made {
        Ok(text) => fs::write(path.with_extension(to), text)?,
        Err(why) => fs::write(path.with_extension("refused"), why.to_string())?,
    }
    Ok(())
}
