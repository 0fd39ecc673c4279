//! A file, an environment and settings, and what came of them.

use super::super::VmSection;
use super::*;

fn load_text(text: &str, env: &[(&str, &str)], settings: &[(&str, &str)]) -> Result<Loaded, ConfigErrors> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("lab.toml");
    std::fs::write(&file, text).unwrap();
    let settings: Vec<_> = settings
        .iter()
        .map(|(k, v)| Setting {
            key: (*k).to_owned(),
            value: (*v).to_owned(),
        })
        .collect();
    load(
        Some(&file),
        |n| env.iter().find(|(k, _)| *k == n).map(|(_, v)| (*v).to_owned()),
        &settings,
    )
    .map(|mut loaded| {
        // A directory of its own each time.
        loaded.config.lab.project = None;
        loaded
    })
}

#[test]
fn with_nothing_set_the_defaults_describe_the_seeds_lab() {
    let loaded = load(None, |_| None, &[]).unwrap();
    let names: Vec<_> = loaded
        .config
        .nodes
        .0
        .iter()
        .map(|n| format!("{} {}", n.name, n.address))
        .collect();
    assert_eq!(
        names,
        [
            "k3s-master1 192.168.6.10",
            "k3s-worker1 192.168.6.11",
            "k3s-worker2 192.168.6.12"
        ]
    );
    assert_eq!(loaded.config.registry_endpoint(), "192.168.6.1:5000");
    assert_eq!(
        loaded.config.vm,
        VmSection {
            cpus: 2,
            memory_mib: 4096,
            disk_gib: 40
        }
    );
}

#[test]
fn the_command_line_wins_over_the_environment_over_the_file() {
    let text = "[registry]\nport = 5001\n";
    assert_eq!(load_text(text, &[], &[]).unwrap().config.registry.port, 5001);
    let env = [("REGISTRY_PORT", "5002")];
    assert_eq!(load_text(text, &env, &[]).unwrap().config.registry.port, 5002);
    let both = [("REGISTRY_PORT", "5002"), ("LAB_REGISTRY_PORT", "5003")];
    assert_eq!(load_text(text, &both, &[]).unwrap().config.registry.port, 5003);
    let loaded = load_text(text, &both, &[("registry.port", "5004")]).unwrap();
    assert_eq!(loaded.config.registry.port, 5004);
    assert_eq!(loaded.origins["registry.port"], Origin::CommandLine);
}

#[test]
fn an_unknown_key_is_named_with_line_and_column() {
    let error = load_text("[vm]\ncpus = 2\nmemroy = 4\n", &[], &[]).unwrap_err();
    assert_eq!(error.iter().next().unwrap().position(), Some((3, 1)));
    assert!(error.iter().next().unwrap().message.contains("memroy"), "{error}");
    assert!(error.iter().next().unwrap().help.is_some());
}

#[test]
fn a_wrong_type_and_a_bad_address_carry_their_position() {
    let error = load_text("[vm]\ncpus = \"two\"\n", &[], &[]).unwrap_err();
    assert_eq!(error.iter().next().unwrap().position(), Some((2, 8)));
    let error = load_text("[network]\ngateway = \"192.168.6.256\"\n", &[], &[]).unwrap_err();
    assert_eq!(error.iter().next().unwrap().position(), Some((2, 11)));
}

#[test]
fn two_nodes_with_one_address_are_refused_where_the_second_stands() {
    let text = "[[nodes]]\nname = \"m\"\nrole = \"master\"\naddress = \"192.168.6.10\"\n\
                [[nodes]]\nname = \"w\"\nrole = \"worker\"\naddress = \"192.168.6.10\"\n";
    let error = load_text(text, &[], &[]).unwrap_err();
    assert_eq!(error.iter().next().unwrap().position(), Some((8, 11)), "{error}");
}

#[test]
fn a_bad_environment_variable_is_named() {
    let error = load_text("", &[("LAB_VM_CPUS", "many")], &[]).unwrap_err();
    assert!(
        error.to_string().starts_with("environment variable LAB_VM_CPUS: "),
        "{error}"
    );
    let error = load_text("", &[("LAB_NETWORK_GATEWAY", "300.1.1.1")], &[]).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("environment variable LAB_NETWORK_GATEWAY: "),
        "{error}"
    );
}

#[test]
fn a_semantic_mistake_from_the_environment_names_the_variable() {
    let error = load_text("", &[("LAB_NAME", "Bad Name")], &[]).unwrap_err();
    assert!(error.to_string().contains("LAB_NAME"), "{error}");
}

#[test]
fn a_path_in_the_file_is_relative_to_the_file() {
    let loaded = load_text("[image]\ndisk = \"images/base.vmdk\"\n", &[], &[]).unwrap();
    let dir = loaded.file.as_ref().unwrap().parent().unwrap().to_owned();
    assert_eq!(loaded.config.image.disk, Some(dir.join("images/base.vmdk")));
}

#[test]
fn a_byte_order_mark_from_powershell_is_no_mistake() {
    assert_eq!(
        load_text("\u{feff}[vm]\ncpus = 3\n", &[], &[]).unwrap().config.vm.cpus,
        3
    );
}

/// The places and messages of all mistakes.
fn mistakes(text: &str, env: &[(&str, &str)], settings: &[(&str, &str)]) -> Vec<String> {
    let errors = load_text(text, env, settings).unwrap_err();
    let place = |e: &ConfigError| match e.position() {
        Some((line, column)) => format!("{line}:{column} {}", e.message),
        None => format!("{}: {}", e.origin, e.message),
    };
    errors.iter().map(place).collect()
}

const NODES: &str = "[[nodes]]\nname = \"m\"\nrole = \"master\"\naddress = \"192.168.6.10\"\n\
                     [[nodes]]\nname = \"w\"\nrole = \"worker\"\naddress = \"192.168.6.11\"\n";

#[test]
fn all_mistakes_come_at_once_from_the_top_with_those_of_the_environment_last() {
    let found = mistakes(
        "[vm]\ncpus = \"two\"\nmemory = 1\n[registri]\n",
        &[("LAB_VM_DISK_GIB", "0"), ("LAB_REGISTRY_CHECK", "maybe")],
        &[("network.prefx", "24")],
    );
    assert_eq!(
        found,
        [
            "2:8 `cpus` takes a whole number, this is text",
            "3:1 there is no key `memory` in `vm`",
            "4:2 there is no section `registri`",
            "environment variable LAB_VM_DISK_GIB: 0 is out of range for `disk_gib`",
            "environment variable LAB_REGISTRY_CHECK: `maybe` is neither true nor false",
            "--set network.prefx: there is no key `prefx` in `network`",
        ]
    );
}

#[test]
fn what_only_the_whole_can_tell_comes_at_once_as_well() {
    let text = NODES
        .replace("\"w\"", "\"m\"")
        .replace("6.11", "6.1")
        .replace("worker", "master");
    let found = mistakes(&format!("lab.name = \"My Lab\"\n{text}"), &[], &[]);
    assert_eq!(
        found,
        [
            "1:12 `My Lab` is not a valid name",
            "7:8 two nodes are called `m`",
            "8:8 a lab has exactly one master: `m` is one already, and `m` another",
            "9:11 192.168.6.1 is used twice: by the gateway and by `m`",
        ]
    );
}

#[test]
fn no_node_and_no_master_are_mistakes() {
    assert_eq!(
        mistakes("nodes = []\n", &[], &[]),
        ["1:9 a lab has exactly one master, this one has none"]
    );
    let found = mistakes(&NODES.replace("master", "worker"), &[], &[]);
    assert!(found[0].ends_with("this one has none"), "{found:?}");
}

#[test]
fn huge_counts_are_refused_without_overflow() {
    let found = mistakes(
        "[timeouts]\nready = 9223372036854775807\n[vm]\nmemory_mib = 9223372036854775807\n",
        &[],
        &[],
    );
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(mistakes("[vm]\ncpus = 99999999999999999999999\n", &[], &[]).len(), 1);
    let node = |i: usize| {
        let (a, b) = (i / 200, i % 200 + 2);
        format!("[[nodes]]\nname = \"n{i}\"\nrole = \"worker\"\naddress = \"10.0.{a}.{b}\"\n")
    };
    let many = (0..600).map(node).collect::<Vec<_>>().concat();
    let found = mistakes(
        &format!("network = {{ gateway = \"10.0.0.1\", prefix = 16 }}\n{many}"),
        &[],
        &[],
    );
    assert!(found.iter().any(|m| m.contains("600 nodes")), "{found:?}");
}

#[test]
fn default_nodes_outside_of_a_chosen_network_are_blamed_on_the_network_once() {
    let found = mistakes("[network]\ngateway = \"10.0.0.1\"\n", &[], &[]);
    assert_eq!(
        found,
        ["2:11 192.168.6.10 of `k3s-master1` is outside the network 10.0.0.0/24"]
    );
    let found = mistakes("", &[("LAB_NETWORK_GATEWAY", "10.0.0.1")], &[]);
    assert!(
        found[0].starts_with("environment variable LAB_NETWORK_GATEWAY: "),
        "{found:?}"
    );
}

#[test]
fn a_network_of_k3ss_own_is_refused() {
    let found = mistakes("[network]\ngateway = \"10.42.7.1\"\n", &[], &[]);
    assert!(found.iter().any(|m| m.contains("k3s uses for pods")), "{found:?}");
    let found = mistakes("[network]\ngateway = \"10.0.0.1\"\nprefix = 8\n", &[], &[]);
    assert_eq!(
        found.iter().filter(|m| m.contains("k3s uses for")).count(),
        2,
        "{found:?}"
    );
}

#[test]
fn a_private_key_among_the_public_ones_is_refused_and_not_shown() {
    let found = mistakes(
        "[guest]\nauthorized_keys = [\"-----BEGIN OPENSSH PRIVATE KEY----- c2VjcmV0\"]\n",
        &[],
        &[],
    );
    assert_eq!(found, ["2:20 this is a private key"]);
    let found = mistakes("[guest]\nauthorized_keys = [\"~/.ssh/id_ed25519.pub\"]\n", &[], &[]);
    assert!(found[0].contains("is not a public key"), "{found:?}");
}

#[test]
fn all_nodes_and_single_keys_of_a_node_can_be_set_from_outside_of_the_file() {
    let list = "[{ name = \"a\", role = \"master\", address = \"192.168.6.20\" }]";
    let loaded = load_text(NODES, &[("LAB_NODES", list)], &[("nodes.a.cpus", "8")]).unwrap();
    let nodes = &loaded.config.nodes.0;
    assert_eq!((nodes.len(), nodes[0].name.as_str(), nodes[0].cpus), (1, "a", Some(8)));
    assert_eq!(loaded.origin("nodes.0.cpus"), Origin::CommandLine);
    let variable = "LAB_NODES".to_owned();
    assert_eq!(loaded.origin("nodes.0.address"), Origin::Environment { variable });
    let loaded = load_text(
        "",
        &[],
        &[("nodes.k3s-worker2.memory_mib", "2048"), ("nodes.0.cpus", "4")],
    )
    .unwrap();
    assert_eq!(loaded.config.nodes.0[2].memory_mib, Some(2048));
    assert_eq!(loaded.config.nodes.0[0].cpus, Some(4));
    assert_eq!(loaded.origin("nodes.1.address"), Origin::Default);
    assert_eq!(
        mistakes(
            "",
            &[("LAB_NODES", "three")],
            &[("nodes.x.cpus", "1"), ("nodes.0.cpu", "1"), ("nodes.0.cpus", "x")]
        )
        .len(),
        4
    );
}

#[test]
fn every_key_has_its_origin_with_file_and_line() {
    let loaded = load_text(
        &format!("[vm]\ncpus = 4\n{NODES}"),
        &[("LAB_VM_DISK_GIB", "9")],
        &[("lab.name", "x")],
    )
    .unwrap();
    let file = loaded.file.clone().unwrap();
    let at = |line| Origin::File {
        file: file.clone(),
        line,
    };
    assert_eq!(loaded.origin("vm.cpus"), at(2));
    assert_eq!(loaded.origin("vm.memory_mib"), Origin::Default);
    assert_eq!(loaded.origin("nodes.1.address"), at(10));
    assert_eq!(loaded.origin("lab.name").to_string(), "--set");
    assert_eq!(
        loaded.origin("vm.disk_gib").to_string(),
        "environment variable LAB_VM_DISK_GIB"
    );
    assert_eq!(loaded.origin("vm.cpus").to_string(), format!("{}:2", file.display()));
}

#[test]
fn every_key_can_be_set_by_environment_and_command_line_and_the_latter_wins() {
    for d in super::super::definitions().iter().filter(|d| d.key.section != "nodes") {
        let value = |other: bool| match d.key.path().as_str() {
            "lab.name" | "guest.user" | "image.snapshot" | "image.guest_os" => if other { "b" } else { "a" }.to_owned(),
            "hypervisor.kind" => if other { "qemu" } else { "vmware" }.to_owned(),
            "network.name" => if other { "VMnet3" } else { "VMnet2" }.to_owned(),
            "network.gateway" => if other { "192.168.6.3" } else { "192.168.6.2" }.to_owned(),
            "network.prefix" => if other { "25" } else { "26" }.to_owned(),
            "network.dns" => if other { "1.1.1.1,9.9.9.9" } else { "8.8.8.8" }.to_owned(),
            "vm.memory_mib" => if other { "1024" } else { "2048" }.to_owned(),
            "guest.timezone" => if other { "Etc/UTC" } else { "Europe/Berlin" }.to_owned(),
            "guest.authorized_keys" => if other {
                "ssh-ed25519 AAAA b"
            } else {
                "ssh-ed25519 AAAA a"
            }
            .to_owned(),
            "k3s.disable" => if other { "traefik" } else { "coredns" }.to_owned(),
            "registry.host" => if other { "registry.b" } else { "registry.a" }.to_owned(),
            "registry.mirrors" => if other { "quay.io" } else { "docker.io" }.to_owned(),
            "registry.check" => if other { "true" } else { "false" }.to_owned(),
            _ if d.range.is_some() => if other { "11" } else { "12" }.to_owned(),
            _ => if other { "/b" } else { "/a" }.to_owned(),
        };
        let (variable, path) = (d.key.variable(), d.key.path());
        let (a, b) = (value(false), value(true));
        let environment = load_text("", &[(&variable, &a)], &[]).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(
            environment.origin(&path),
            Origin::Environment {
                variable: variable.clone()
            }
        );
        assert_ne!(environment.config, Config::default(), "{path}");
        let both = load_text("", &[(&variable, &a)], &[(&path, &b)]).unwrap_or_else(|e| panic!("{e}"));
        let setting = load_text("", &[], &[(&path, &b)]).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(both.origin(&path), Origin::CommandLine);
        assert_eq!(both.config, setting.config, "{path}");
        assert_ne!(both.config, environment.config, "{path}");
    }
}
