//! Checks commands for a cluster where there is none: whether the programs accept them, up to the point where a server
//! would have to answer, and whether `deploy/` has what they name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use shared::testing::{Program, Reservation};
use tempfile::TempDir;

use crate::document::{Guide, Step};

/// What a resource is called in commands, and its kind in manifests; `None` for those that no manifest creates by name.
const RESOURCES: [(&str, Option<&str>); 16] = [
    ("deployment", Some("Deployment")),
    ("deployments", Some("Deployment")),
    ("deployment.apps", Some("Deployment")),
    ("statefulset", Some("StatefulSet")),
    ("service", Some("Service")),
    ("services", Some("Service")),
    ("namespace", Some("Namespace")),
    ("persistentvolumeclaim", Some("PersistentVolumeClaim")),
    ("persistentvolumeclaims", Some("PersistentVolumeClaim")),
    ("secret", Some("Secret")),
    ("scaledobject", Some("ScaledObject")),
    ("jobs", None),
    ("pod", None),
    ("pods", None),
    ("nodes", None),
    ("events", None),
];

/// The minikube commands that the guides use, and the flags that each accepts.
/// From <https://minikube.sigs.k8s.io/docs/commands/>.
const MINIKUBE: [(&str, &[&str]); 5] = [
    ("start", &["--cpus", "--memory", "--cni"]),
    ("image build", &["-t", "-f"]),
    ("image ls", &[]),
    ("service", &["--namespace", "--url"]),
    ("stop", &[]),
];

/// What Redis is asked where it is a cluster, which the machine of a guide has not: `deploy/checks` has one.
const ASKED_OF_CLUSTERS: [&str; 2] = ["CLUSTER NODES", "ROLE"];

/// Vigía's own, and the one that the Python stack is in.
const NAMESPACES: [&str; 2] = ["vigia", "default"];

type Judgement = Result<(), String>;

/// A cluster as `deploy/k8s/base` sets it up, with KEDA and a Redis Cluster, and what has happened to it so far.
#[derive(Debug)]
pub(crate) struct Cluster {
    workspace: PathBuf,
    /// Kind and name of each object.
    objects: BTreeSet<(String, String)>,
    /// The containers of each Deployment.
    containers: BTreeMap<String, BTreeSet<String>>,
    /// The images of each file.
    images: BTreeMap<PathBuf, Vec<String>>,
    labels: BTreeSet<String>,
    /// The programs' settings, according to the README.
    settings: BTreeSet<String>,
    /// What Redis may be asked: the commands that have been tried on a machine. `None` allows anything.
    redis_commands: Option<BTreeSet<String>>,
    built: BTreeSet<String>,
    /// Holds a configuration for kubectl whose server does not answer.
    folder: TempDir,
    /// The address of that server, where nobody listens.
    nobody: Reservation,
}

impl Cluster {
    /// The cluster of a guide, where Redis is asked only what the guide also tries without a cluster.
    pub(crate) fn of_guide(workspace: &Path, guide: &Guide) -> Self {
        let tried = guide.blocks.iter().flat_map(|block| redis_commands(&block.step)).collect();
        Self { redis_commands: Some(tried), ..Self::read(workspace) }
    }

    /// Reads the manifests.
    pub(crate) fn read(workspace: &Path) -> Self {
        let mut cluster = Self {
            workspace: workspace.to_owned(),
            objects: BTreeSet::new(),
            containers: BTreeMap::new(),
            images: BTreeMap::new(),
            labels: BTreeSet::new(),
            settings: settings(&fs::read_to_string(workspace.join("README.md")).expect("the README")),
            redis_commands: None,
            built: BTreeSet::new(),
            folder: tempfile::tempdir().expect("a folder"),
            nobody: Reservation::new(),
        };
        for folder in ["base", "components/keda", "components/redis-cluster"].map(|it| Path::new("deploy/k8s").join(it))
        {
            for entry in fs::read_dir(workspace.join(&folder)).expect("the manifests") {
                let name = entry.expect("a manifest").file_name();
                let text = fs::read_to_string(workspace.join(&folder).join(&name)).expect("a manifest");
                cluster.read_manifests(&folder.join(name), &text);
            }
        }
        let server = format!("http://{}", cluster.nobody.address());
        fs::write(cluster.folder.path().join("config"), kubeconfig(&server)).expect("a file");
        // A command writes its files here too, and not into the repository.
        symlink(workspace.join("deploy"), cluster.folder.path().join("deploy")).expect("a link");
        cluster
    }

    /// The manifests are written by hand with two spaces per level, so it is enough to go line by line.
    fn read_manifests(&mut self, path: &Path, text: &str) {
        for manifest in text.split("---\n") {
            let at_the_margin = |key| manifest.lines().find_map(|line| line.strip_prefix(key));
            let Some(kind) = at_the_margin("kind: ") else { continue };
            let Some(name) = at_the_margin("  name: ") else { continue };
            self.objects.insert((kind.to_owned(), name.to_owned()));
            let lines: Vec<&str> = manifest.lines().map(str::trim).collect();
            for pair in lines.windows(2) {
                if let Some(image) = pair[1].strip_prefix("image: ") {
                    let container =
                        pair[0].strip_prefix("- name: ").expect("a container's name stands before its image");
                    self.containers.entry(name.to_owned()).or_default().insert(container.to_owned());
                    self.images.entry(path.to_owned()).or_default().push(image.to_owned());
                }
                if let (Some(app), "labels:") = (pair[1].strip_prefix("app: "), pair[0]) {
                    self.labels.insert(format!("app={app}"));
                }
            }
        }
    }

    /// Whether a command would get as far as the cluster, and the cluster would have everything that it names.
    pub(crate) fn judge(&mut self, command: &str) -> Judgement {
        let words: Vec<&str> = command.split_whitespace().collect();
        self.judge_names(&words)?;
        match words[..] {
            ["minikube", ref rest @ ..] => self.judge_minikube(rest),
            ["kubectl", ref rest @ ..] => self.judge_kubectl(rest).and_then(|()| self.ask_kubectl(command)),
            // A program that prints manifests.
            [.., "|", "kubectl", "apply", "-f", "-"] | [.., "|", "kubectl", "-n", "vigia", "apply", "-f", "-"] => {
                self.ask_kubectl(command)
            }
            _ => Err("neither minikube nor kubectl, which the guide asks for".to_owned()),
        }
    }

    /// Whether the output that the guide shows names only what exists.
    pub(crate) fn judge_output(&self, shown: &str) -> Judgement {
        shown.split_whitespace().filter(|word| !word.contains("...")).try_for_each(|word| self.judge_name(word))
    }

    fn judge_names(&self, words: &[&str]) -> Judgement {
        words.iter().try_for_each(|word| self.judge_name(word))?;
        for pair in words.windows(2) {
            match pair {
                ["-l", label] if !self.labels.contains(*label) => return Err(format!("nothing has the label {label}")),
                ["get" | "describe" | "delete", resources] => {
                    for resource in resources.split(',').filter(|resource| !resource.contains('/')) {
                        kind_of(resource).ok_or_else(|| format!("what is {resource}?"))?;
                    }
                }
                [resource, name] if !name.starts_with('-') => self.judge_object(resource, name)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Checks `deployment/NAME`, and paths.
    fn judge_name(&self, word: &str) -> Judgement {
        if let Some((resource, name)) = word.split_once('/') {
            self.judge_object(resource, name)?;
        }
        if word.starts_with("deploy/") && !self.workspace.join(word).exists() {
            return Err(format!("there is no {word}"));
        }
        Ok(())
    }

    fn judge_object(&self, resource: &str, name: &str) -> Judgement {
        match kind_of(resource) {
            Some(Some(kind)) if !self.objects.contains(&(kind.to_owned(), name.to_owned())) => {
                Err(format!("there is no {kind} {name}"))
            }
            _ => Ok(()),
        }
    }

    fn judge_minikube(&mut self, words: &[&str]) -> Judgement {
        let is_it = |name: &str| words.starts_with(&name.split(' ').collect::<Vec<_>>());
        let known = MINIKUBE.iter().find(|(name, _)| is_it(name));
        let (name, flags) = known.ok_or_else(|| format!("minikube {}: is there such a command?", words.join(" ")))?;
        if let Some(flag) = words.iter().find(|word| word.starts_with('-') && !flags.contains(word)) {
            return Err(format!("minikube {name} does not know {flag}"));
        }
        match *name {
            "service" => self.judge_object("service", words[1]),
            "image build" => {
                let (tag, file) = (after("-t", words)?, after("-f", words)?);
                let repository = tag.split(':').next().unwrap_or_default();
                if file != format!("deploy/{repository}.Dockerfile") {
                    return Err(format!("{tag} is built from {file}"));
                }
                self.built.insert(tag.to_owned());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn judge_kubectl(&self, words: &[&str]) -> Judgement {
        let words = match words {
            ["-n", namespace, rest @ ..] if NAMESPACES.contains(namespace) => rest,
            ["-n", namespace, ..] => return Err(format!("there is no namespace {namespace}")),
            words => words,
        };
        match words {
            ["apply", "-f", file] => self.judge_images(Path::new(file)),
            ["apply", "-k", overlay]
                if ["minikube", "cluster", "alerting"].iter().any(|it| overlay.ends_with(&format!("/{it}"))) =>
            {
                self.images.keys().try_for_each(|file| self.judge_images(file))
            }
            ["set", "image", deployment, change] => {
                let (container, image) = change.split_once('=').ok_or("CONTAINER=IMAGE is needed")?;
                let deployment = deployment.trim_start_matches("deployment/");
                if !self.containers.get(deployment).is_some_and(|containers| containers.contains(container)) {
                    return Err(format!("{deployment} has no container {container}"));
                }
                self.judge_image(image)
            }
            ["set", "env", _, change] => {
                let variable = change.split('=').next().unwrap_or_default().trim_end_matches('-');
                if self.settings.contains(variable) { Ok(()) } else { Err(format!("there is no setting {variable}")) }
            }
            ["exec", _, "--", "redis-cli", asked @ ..] => {
                let asked = asked.join(" ");
                match &self.redis_commands {
                    Some(tried) if !tried.contains(&asked) && !ASKED_OF_CLUSTERS.contains(&asked.as_str()) => {
                        Err(format!("nobody tried: redis-cli {asked}"))
                    }
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    fn judge_images(&self, file: &Path) -> Judgement {
        self.images.get(file).into_iter().flatten().try_for_each(|image| self.judge_image(image))
    }

    /// An image that this repository builds has to be built before it is used.
    fn judge_image(&self, image: &str) -> Judgement {
        let repository = image.split(':').next().unwrap_or_default();
        let is_ours = self.workspace.join(format!("deploy/{repository}.Dockerfile")).exists();
        if is_ours && !self.built.contains(image) { Err(format!("{image} has not been built")) } else { Ok(()) }
    }

    /// Lets kubectl itself check a command: it complains about flags, arguments and files before it asks the server,
    /// which refuses the connection.
    fn ask_kubectl(&self, command: &str) -> Judgement {
        let mut shell = Command::new("bash");
        shell.args(["-euc", command]).current_dir(self.folder.path());
        let ended = Program::run(shell.env("KUBECONFIG", self.folder.path().join("config")));
        let said = ended.log;
        let came_far = ended.code == Some(0) || said.contains("connection refused") || said.contains("was refused");
        if came_far { Ok(()) } else { Err(format!("kubectl says: {said}")) }
    }
}

/// The kind of a resource; the outer `None` where it is not one.
fn kind_of(resource: &str) -> Option<Option<&'static str>> {
    RESOURCES.iter().find(|(name, _)| *name == resource).map(|(_, kind)| *kind)
}

fn after<'a>(flag: &str, words: &[&'a str]) -> Result<&'a str, String> {
    let place = words.iter().position(|word| *word == flag).ok_or_else(|| format!("{flag} is needed"))?;
    words.get(place + 1).copied().ok_or_else(|| format!("{flag} needs a value"))
}

/// The variables of the README's table of settings.
fn settings(readme: &str) -> BTreeSet<String> {
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    rows.map(|(variable, _)| variable.to_owned())
        .filter(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
        .collect()
}

fn redis_commands(step: &Step) -> Vec<String> {
    let Step::Run { command, .. } = step else { return Vec::new() };
    command.lines().filter_map(|line| line.strip_prefix("redis-cli ")).map(str::to_owned).collect()
}

fn kubeconfig(server: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: nobody\nusers: []\n\
         clusters: [{{name: nobody, cluster: {{server: \"{server}\"}}}}]\n\
         contexts: [{{name: nobody, context: {{cluster: nobody, user: nobody}}}}]\n"
    )
}
