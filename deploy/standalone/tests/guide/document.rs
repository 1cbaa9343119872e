//! The blocks of a guide. The words behind the three backticks that open a block say what it is for:
//!
//! | mark | meaning |
//! | --- | --- |
//! | `sh` | commands that are run and end |
//! | `sh keep=NAME` | a program that stays, in the terminal of that name |
//! | `sh cluster` | commands that need a cluster; with `keep=NAME`, one that stays |
//! | `text` | what the commands before it print, see [`crate::output`] |
//! | `text page=PATH` | lines that the page at this path says, perhaps after a while |
//!
//! Two comments, which a reader does not see, accompany what the text tells the reader to do: `<!-- Ctrl-C: NAME -->`
//! presses Ctrl-C in a terminal, and `<!-- ended: NAME -->` means that the program in it has ended by itself.

/// What a reader does or sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Runs commands, which may print something.
    Run { command: String, prints: Option<String> },
    /// Starts a program that keeps running.
    Keep { terminal: String, command: String },
    /// Presses Ctrl-C.
    Interrupt { terminal: String },
    /// Sees a program end.
    Ended { terminal: String },
    /// Looks at a page.
    Page { path: String, says: Vec<String> },
    /// Runs commands that need a cluster, one per line.
    Cluster { commands: Vec<String>, prints: Option<String>, terminal: Option<String> },
}

/// A step, and the line on which it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) line: usize,
    pub(crate) step: Step,
}

/// What a guide tells a reader to do, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Guide {
    pub(crate) blocks: Vec<Block>,
    /// The level of each heading.
    pub(crate) headings: Vec<usize>,
}

const FENCE: &str = "```";

impl Guide {
    /// Parses a guide's Markdown. A block with an unknown mark is an error, as it would not be tested.
    pub(crate) fn parse(markdown: &str) -> Result<Self, String> {
        let mut guide = Self::default();
        let mut lines = markdown.lines().enumerate();
        while let Some((index, line)) = lines.next() {
            let line_number = index + 1;
            let fail = |why: &str| format!("line {line_number}: {why}: {line}");
            if let Some(mark) = line.strip_prefix(FENCE) {
                let mut content = Vec::new();
                loop {
                    match lines.next() {
                        Some((_, FENCE)) => break,
                        Some((_, line)) => content.push(line),
                        None => return Err(fail("this block does not end")),
                    }
                }
                guide.add(line_number, mark, &content.join("\n")).map_err(|why| fail(&why))?;
            } else if line.trim_start().starts_with(FENCE) || line.starts_with("    ") {
                return Err(fail("only blocks between ticks at the line's start are tested"));
            } else if line.starts_with("<!--") {
                guide.add_comment(line_number, line).map_err(|why| fail(&why))?;
            } else if line.starts_with('#') {
                guide.headings.push(line.chars().take_while(|&character| character == '#').count());
            }
        }
        Ok(guide)
    }

    fn add(&mut self, line: usize, mark: &str, content: &str) -> Result<(), String> {
        let step = match mark.split(' ').collect::<Vec<_>>()[..] {
            ["sh"] => Step::Run { command: content.to_owned(), prints: None },
            ["sh", keep] => match keep.strip_prefix("keep=") {
                Some(terminal) => Step::Keep { terminal: terminal.to_owned(), command: content.to_owned() },
                None if keep == "cluster" => cluster(content, None),
                None => return Err("an unknown mark".to_owned()),
            },
            ["sh", "cluster", keep] => {
                let terminal = keep.strip_prefix("keep=").ok_or("an unknown mark")?;
                cluster(content, Some(terminal.to_owned()))
            }
            // What a file may hold: there is nothing to run.
            ["toml" | "csv"] => return Ok(()),
            ["text"] => return self.add_output(content),
            ["text", page] => Step::Page {
                path: page.strip_prefix("page=").ok_or("an unknown mark")?.to_owned(),
                says: content.lines().map(str::to_owned).collect(),
            },
            _ => return Err("an unknown mark".to_owned()),
        };
        self.blocks.push(Block { line, step });
        Ok(())
    }

    fn add_output(&mut self, content: &str) -> Result<(), String> {
        match self.blocks.last_mut().map(|block| &mut block.step) {
            Some(Step::Run { prints, .. } | Step::Cluster { prints, terminal: None, .. }) if prints.is_none() => {
                *prints = Some(content.to_owned());
                Ok(())
            }
            _ => Err("no command prints this".to_owned()),
        }
    }

    fn add_comment(&mut self, line: usize, comment: &str) -> Result<(), String> {
        let inside = comment.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->"));
        let step = match inside.and_then(|inside| inside.split_once(": ")) {
            Some(("Ctrl-C", terminal)) => Step::Interrupt { terminal: terminal.to_owned() },
            Some(("ended", terminal)) => Step::Ended { terminal: terminal.to_owned() },
            _ => return Err("an unknown comment".to_owned()),
        };
        self.blocks.push(Block { line, step });
        Ok(())
    }
}

fn cluster(content: &str, terminal: Option<String>) -> Step {
    Step::Cluster { commands: content.lines().map(str::to_owned).collect(), prints: None, terminal }
}

#[test]
fn a_block_that_would_not_be_tested_is_refused() {
    for text in [
        "```sh\nls",
        "```\nls\n```",
        "```bash\nls\n```",
        "```sh keeps=page\nls\n```",
        "```text\nno command\n```",
        "```sh keep=page\nls\n```\n```text\nnobody waits for it\n```",
        "1. a list\n   ```sh\n   ls\n   ```",
        "A paragraph.\n\n    ls",
        "<!-- Ctrl+C: page -->",
    ] {
        assert!(Guide::parse(text).is_err(), "{text}");
    }
}
