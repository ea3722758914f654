//! The fields of a configuration as its source has them: what they are called, and what their docs say.

/// A struct of a source file, of those that serde reads with go-zero's spelling of keys.
pub(super) struct Section {
    pub(super) name: String,
    /// Its docs, up to their first blank line.
    pub(super) summary: String,
    pub(super) fields: Vec<Field>,
}

/// One of its fields.
pub(super) struct Field {
    pub(super) key: String,
    /// The type, without its path.
    pub(super) kind: String,
    pub(super) docs: String,
    /// Whether its own fields stand beside it.
    pub(super) is_flat: bool,
    /// The bounds that its `range::…` declares.
    pub(super) range: Option<[String; 2]>,
}

/// All such structs of a source file.
pub(super) fn sections(source: &str) -> Vec<Section> {
    let mut sections = Vec::new();
    let mut lines = source.lines();
    let mut pending = Pending::default();
    while let Some(line) = lines.next() {
        let name = line.strip_prefix("pub struct ").and_then(|rest| rest.strip_suffix(" {"));
        match name.filter(|_| pending.attributes.contains("rename_all = \"PascalCase\"")) {
            Some(name) => {
                let summary = pending.docs.split("\n\n").next().unwrap_or_default();
                let fields = fields(lines.by_ref().take_while(|line| *line != "}"));
                sections.push(Section { name: name.to_owned(), summary: plain(summary), fields });
                pending = Pending::default();
            }
            None => pending.take(line),
        }
    }
    sections
}

/// An enum that is written as the name of one of its variants.
pub(super) struct Choice {
    pub(super) name: String,
    pub(super) variants: Vec<String>,
}

/// All such enums of a source file: those whose variants hold nothing.
pub(super) fn choices(source: &str) -> Vec<Choice> {
    let mut choices = Vec::new();
    let mut lines = source.lines();
    let mut pending = Pending::default();
    while let Some(line) = lines.next() {
        let name = line.strip_prefix("pub enum ").and_then(|rest| rest.strip_suffix(" {"));
        let Some(name) = name.filter(|_| pending.attributes.contains("Deserialize")) else {
            pending.take(line);
            continue;
        };
        let lowercase = pending.attributes.contains("rename_all = \"lowercase\"");
        pending = Pending::default();
        let mut variants = Vec::new();
        for line in lines.by_ref().take_while(|line| *line != "}") {
            let Some(variant) =
                line.trim().strip_suffix(',').filter(|name| name.chars().all(char::is_alphanumeric))
            else {
                pending.take(line);
                continue;
            };
            let attributes = std::mem::take(&mut pending).attributes;
            variants.push(renamed(&attributes).unwrap_or_else(|| match lowercase {
                true => variant.to_lowercase(),
                false => variant.to_owned(),
            }));
        }
        choices.push(Choice { name: name.to_owned(), variants });
    }
    choices
}

fn fields<'s>(lines: impl Iterator<Item = &'s str>) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut pending = Pending::default();
    for line in lines {
        let declared = line.trim().strip_prefix("pub ").and_then(|rest| rest.strip_suffix(','));
        let Some((name, kind)) = declared.and_then(|declared| declared.split_once(": ")) else {
            pending.take(line);
            continue;
        };
        let Pending { docs, attributes } = std::mem::take(&mut pending);
        let range = attributes.split_once("range::").and_then(|(_, rest)| {
            let (low, high) = rest.split_once('<')?.1.split_once('>')?.0.split_once(", ")?;
            Some([low, high].map(str::to_owned))
        });
        fields.push(Field {
            key: renamed(&attributes).unwrap_or_else(|| pascal(name)),
            kind: kind.to_owned(),
            docs: plain(&docs),
            is_flat: attributes.contains("flatten"),
            range,
        });
    }
    fields
}

/// What stands before an item.
#[derive(Default)]
struct Pending {
    docs: String,
    attributes: String,
}

impl Pending {
    fn take(&mut self, line: &str) {
        let line = line.trim();
        if let Some(docs) = line.strip_prefix("///") {
            self.docs += docs.strip_prefix(' ').unwrap_or(docs);
            self.docs.push('\n');
        } else if line.starts_with("#[") {
            self.attributes += line;
        } else if !line.starts_with("//") {
            *self = Self::default();
        }
    }
}

fn renamed(attributes: &str) -> Option<String> {
    let (_, behind) = attributes.split_once("rename = \"")?;
    behind.split('"').next().map(str::to_owned)
}

fn pascal(name: &str) -> String {
    name.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

/// Docs on one line, without links: their targets are rustdoc's.
fn plain(docs: &str) -> String {
    let docs = docs.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut text = String::new();
    let mut rest = docs.as_str();
    while let Some((before, after)) = rest.split_once('[') {
        text += before;
        let (shown, behind) = after.split_once(']').unwrap_or((after, ""));
        text += shown;
        rest = match behind.strip_prefix('(') {
            Some(target) => {
                // A target such as `super::load()` has parentheses of its own.
                let mut depth = 1;
                let end = target.find(|c| {
                    depth += i32::from(c == '(') - i32::from(c == ')');
                    depth == 0
                });
                end.map_or("", |end| &target[end + 1..])
            }
            None => behind,
        };
    }
    text + rest
}

#[test]
fn a_struct_is_read_with_keys_docs_and_ranges() {
    let source = "/// Limits of `x`.\n///\n/// More.\n#[serde(default, rename_all = \"PascalCase\")]\npub struct XConf {\n    \
        /// How [many](f()) it\n    /// has. Default [`A`].\n    #[serde(with = \"range::Integer::<1, 9>\")]\n    pub max_a: u8,\n    \
        #[serde(flatten)]\n    pub rest: YConf,\n}\npub struct Other {\n    pub a: u8,\n}\n";
    let [section] = &sections(source)[..] else { panic!("one of the two is a configuration") };
    assert_eq!((&*section.name, &*section.summary), ("XConf", "Limits of `x`."));
    let [first, second] = &section.fields[..] else { panic!("it has two fields") };
    assert_eq!((&*first.key, &*first.docs), ("MaxA", "How many it has. Default `A`."));
    assert_eq!(first.range, Some(["1", "9"].map(str::to_owned)));
    assert!(second.is_flat && !first.is_flat);
}

#[test]
fn an_enum_is_read_as_its_files_have_it() {
    let source = "#[derive(Deserialize)]\n#[serde(rename_all = \"lowercase\")]\npub enum Mode {\n    /// On.\n    On,\n    \
        #[serde(rename = \"x-off\")]\n    Off,\n}\n";
    let [choice] = &choices(source)[..] else { panic!("there is one") };
    assert_eq!((&*choice.name, &choice.variants[..]), ("Mode", &["on", "x-off"].map(str::to_owned)[..]));
}
