//! The Dockerfiles: the same builder for all, images that run as the manifests say, and a build context with all that
//! is copied.

use std::fs;

use analytics::settings::Cli as Analytics;
use clap::CommandFactory as _;

use crate::manifests::{MINIKUBE, root};
use crate::workloads::workloads;

const PROGRAMS: [&str; 3] = ["analytics", "dashboard", "simulator"];

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The builder's stages and the image's own.
fn stages(program: &str) -> (String, String) {
    let dockerfile = text(&format!("deploy/{program}.Dockerfile"));
    let (builder, own) = dockerfile.split_once("\nFROM scratch\n").expect("a last stage from scratch");
    let (_head, builder) = builder.split_at(builder.find("\nFROM ").expect("a first stage"));
    (builder.to_owned(), own.to_owned())
}

/// Cached layers are found by the text of their instructions.
#[test]
fn the_builder_is_the_same_text_in_every_image() {
    let [first, rest @ ..] = PROGRAMS.map(|program| stages(program).0);
    for other in rest {
        assert_eq!(other, first);
    }
    for program in PROGRAMS {
        assert!(first.contains(&format!("target/release/{program}")), "{program} is built");
    }
}

/// Not every builder supports these: the one in a minikube may be old, and so may buildah.
#[test]
fn nothing_is_used_that_a_builder_may_not_know() {
    for program in PROGRAMS {
        let dockerfile = text(&format!("deploy/{program}.Dockerfile"));
        for unknown in ["--mount", "--link", "--chmod", "<<", "# syntax"] {
            assert!(!dockerfile.contains(unknown), "{program}: {unknown}");
        }
    }
}

#[test]
fn the_builder_has_the_toolchain_of_the_workspace() {
    let toolchain = text("rust-toolchain.toml");
    let version = toolchain.split('"').nth(1).expect("a version");
    assert!(stages("analytics").0.contains(&format!("\nFROM rust:{version}-slim-bookworm AS chef\n")), "{version}");
}

#[test]
fn an_image_runs_its_program_as_the_user_of_the_manifests() {
    for program in PROGRAMS {
        let (_, own) = stages(program);
        let workload = workloads(&MINIKUBE).into_iter().find(|workload| workload.name == program).expect("it");
        let context = workload.pod.security_context.expect("a context");
        let user = format!("{}:{}", context.run_as_user.expect("a user"), context.run_as_group.expect("a group"));
        for line in [
            format!("USER {user}"),
            format!("COPY --from=builder /programs/{program} /usr/bin/{program}"),
            format!("ENTRYPOINT [\"/usr/bin/{program}\"]"),
            "STOPSIGNAL SIGTERM".to_owned(),
        ] {
            assert!(own.lines().any(|known| known == line), "{program}: {line}");
        }
        let exposed = own.lines().find_map(|line| line.strip_prefix("EXPOSE "));
        let ports = workload.container.ports.map(|ports| ports[0].container_port.to_string());
        assert_eq!(exposed, ports.as_deref(), "{program}");
    }
}

/// An image has no shell and no curl: the program itself checks whether it is healthy.
#[test]
fn a_health_check_is_a_command_of_the_program() {
    assert!(Analytics::command().find_subcommand("health").is_some());
    for program in ["analytics", "dashboard"] {
        assert!(stages(program).1.contains(&format!(" CMD [\"/usr/bin/{program}\", \"health\"]\n")), "{program}");
    }
    assert!(stages("simulator").1.contains("\nHEALTHCHECK NONE\n"));
}

/// Everything that is copied from the context is let in, and so are the Dockerfiles.
#[test]
fn the_context_holds_what_is_copied() {
    let ignore = text(".dockerignore");
    let let_in: Vec<&str> = ignore.lines().filter_map(|line| line.strip_prefix('!')).collect();
    assert!(ignore.lines().any(|line| line == "*"), "nothing else is");
    let (builder, _) = stages("analytics");
    let copied = builder.lines().filter_map(|line| line.strip_prefix("COPY ")).filter(|line| !line.starts_with("--"));
    let mut count = 0;
    for line in copied {
        let words: Vec<&str> = line.split(' ').collect();
        for source in &words[..words.len() - 1] {
            assert!(let_in.contains(source) && root().join(source).exists(), "{source}");
            count += 1;
        }
    }
    assert!(count > 10);
    assert!(let_in.contains(&"deploy/*.Dockerfile"));
    // Cargo reads the manifest of every member before it builds any.
    let workspace = text("Cargo.toml");
    let (_, members) = workspace.split_once("members = [").expect("members");
    for member in members.split(']').next().unwrap_or_default().split('"').skip(1).step_by(2) {
        // A member within another member's folder comes along with it.
        let mut folders = std::path::Path::new(member).ancestors().filter_map(std::path::Path::to_str);
        assert!(folders.any(|folder| builder.contains(&format!("\nCOPY {folder} {folder}\n"))), "{member}");
    }
}
