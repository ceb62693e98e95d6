//! What of a server's tree is asked for.

use crate::transport::Parameters;

/// The parameters of `/events`; what is not set is the server's default.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// A clock to go on from.
    pub since: Option<String>,
    /// A directory, as bytes: that alone.
    pub path: Option<Vec<u8>>,
    /// Which events, such as `tree` and `quantum`.
    pub events: Vec<String>,
    /// How the tree is told.
    pub mode: Option<String>,
    /// `full`, `none` or `manifest`.
    pub tree: Option<String>,
    /// `content`: without files that were written with the content they had.
    pub only: Option<String>,
    /// Globs of what is asked for.
    pub include: Vec<String>,
    /// Globs of what is left out.
    pub exclude: Vec<String>,
    /// `file`, `dir`, `symlink`, `other`.
    pub types: Vec<String>,
}

impl Query {
    pub(crate) fn parameters(&self) -> Parameters {
        let mut parameters = Parameters::new();
        let singles = [("since", &self.since), ("mode", &self.mode), ("tree", &self.tree), ("only", &self.only)];
        for (name, value) in singles {
            add(&mut parameters, name, value.as_deref());
        }
        add(&mut parameters, "path", self.path.as_deref());
        for (name, values) in [("events", &self.events), ("types", &self.types)] {
            if !values.is_empty() {
                parameters.push((name, values.join(",").into_bytes()));
            }
        }
        add_all(&mut parameters, "include", &self.include);
        add_all(&mut parameters, "exclude", &self.exclude);
        parameters
    }
}

pub(crate) fn add(parameters: &mut Parameters, name: &'static str, value: Option<impl AsRef<[u8]>>) {
    parameters.extend(value.map(|value| (name, value.as_ref().to_vec())));
}

pub(crate) fn add_all(parameters: &mut Parameters, name: &'static str, values: &[String]) {
    parameters.extend(values.iter().map(|value| (name, value.clone().into_bytes())));
}
