//! Every kind of mistake in the configuration says where it is, what is wrong and what to do; exit code 2.

use crate::support::{Place, Ran};

fn show(toml: &str) -> Ran {
    Place::new().toml(toml).run(&["config", "show"])
}

/// The mistake's place and a word of its message.
#[track_caller]
fn mistake(toml: &str, place: &str, word: &str) {
    let ran = show(toml).code(2);
    assert!(ran.stderr.starts_with(&format!("error: lab.toml:{place}: ")), "{ran}");
    assert!(ran.stderr.contains(word), "{ran}");
    assert!(
        ran.stderr.contains(&format!("[lab.toml:{place}]")),
        "the snippet shows the place too: {ran}"
    );
    assert_eq!(ran.stdout, "");
}

const NODES: &str = "[[nodes]]\nname = \"m\"\nrole = \"master\"\naddress = \"192.168.6.10\"\n\
                     [[nodes]]\nname = \"w\"\nrole = \"worker\"\naddress = \"192.168.6.11\"\n";

#[test]
fn a_file_that_is_no_lab_toml_is_not_shown_line_by_line_nor_read_without_end() {
    let place = Place::new();
    place.write("passwd", &"root:x:0:0\n".repeat(40));
    let ran = place.run(&["plan", "--config", "passwd"]).code(2);
    assert_eq!(ran.stderr.matches("error: ").count(), 12, "{ran}");
    assert!(
        ran.stderr.ends_with("… 28 more\n") && ran.stderr.contains("help: `lab-cli init --print` shows"),
        "{ran}"
    );
    let json = place
        .run(&["plan", "--config", "passwd", "--output", "json"])
        .code(2)
        .error();
    assert_eq!(
        json["mistakes"].as_array().unwrap().len(),
        40,
        "programs get all of them"
    );
    if cfg!(unix) {
        let ran = place.run(&["plan", "--config", "/dev/zero"]).code(2);
        assert!(
            ran.stderr
                .contains("/dev/zero: cannot be read: it has more than 16 MiB"),
            "{ran}"
        );
    }
}

#[test]
fn an_unknown_key_is_drawn_with_its_place_and_a_way_out() {
    insta::assert_snapshot!(show("[vm]\ncpus = 2\nmemroy_mib = 4096\n").code(2));
}

#[test]
fn two_nodes_with_one_address_are_drawn_where_the_second_stands() {
    insta::assert_snapshot!(show(&NODES.replace("6.11", "6.10")).code(2));
}

#[test]
fn broken_toml_is_named_with_its_place() {
    mistake("[vm\ncpus = 2\n", "1:4", "");
    mistake("[vm]\ncpus = \n", "2:8", "");
    mistake("[vm]\ncpus = 1\ncpus = 2\n", "3:1", "duplicate");
}

#[test]
fn an_unknown_section_is_named_with_its_place() {
    mistake("[registri]\nport = 1\n", "1:2", "registri");
}

#[test]
fn a_wrong_type_or_value_is_named_with_its_place() {
    mistake("[vm]\ncpus = \"two\"\n", "2:8", "takes a whole number, this is text");
    mistake("[registry]\nport = 70000\n", "2:8", "70000");
    mistake("[hypervisor]\nkind = \"xen\"\n", "2:8", "xen");
    mistake("[network]\ngateway = \"192.168.6.256\"\n", "2:11", "address");
}

#[test]
fn what_only_the_whole_can_tell_is_named_with_its_place() {
    mistake("[lab]\nname = \"My Lab\"\n", "2:8", "My Lab");
    mistake("[network]\nprefix = 31\n", "2:10", "31 is out of range");
    mistake("[guest]\nuser = \"root\"\n", "2:8", "root");
    mistake("[vm]\nmemory_mib = 100\n", "2:14", "out of range");
    mistake("[registry]\nhost = \"https://registry\"\n", "2:8", "");
    mistake("[image]\ndisk = \"a.vmdk\"\ntemplate = \"b.vmx\"\n", "3:12", "both");
    mistake(&NODES.replace("\"w\"", "\"m\""), "6:8", "two nodes");
    mistake(&NODES.replace("192.168.6.11", "10.0.0.1"), "8:11", "outside");
    mistake(&NODES.replace("192.168.6.11", "192.168.6.1"), "8:11", "the gateway");
}

#[test]
fn a_node_without_its_address_is_named_with_its_place() {
    mistake("[[nodes]]\nname = \"m\"\nrole = \"master\"\n", "1:1", "address");
}

#[test]
fn hangul_before_the_mistake_is_counted_in_characters() {
    mistake("# 한글\n[lab] \nname = \"한글\"\n", "3:8", "한글");
}

#[test]
fn a_bad_environment_variable_is_named() {
    let ran = Place::new().env("LAB_VM_CPUS", "many").run(&["config", "show"]).code(2);
    assert!(
        ran.stderr
            .starts_with("error: environment variable LAB_VM_CPUS: `many` is not a whole number"),
        "{ran}"
    );
    let ran = Place::new().env("REGISTRY_PORT", "0").run(&["config", "show"]).code(2);
    assert!(ran.stderr.contains("REGISTRY_PORT"), "{ran}");
}

#[test]
fn a_bad_setting_is_named() {
    let place = Place::new();
    let ran = place.run(&["config", "show", "--set", "vm.cpu=2"]).code(2);
    assert!(
        ran.stderr
            .starts_with("error: --set vm.cpu: there is no key `cpu` in `vm`\nhelp: did you mean `cpus`?"),
        "{ran}"
    );
    let ran = place.run(&["config", "show", "--set", "network.gateway=here"]).code(2);
    assert!(
        ran.stderr.contains("network.gateway") && ran.stderr.contains("here"),
        "{ran}"
    );
}

#[test]
fn a_named_file_that_is_missing_or_not_text_is_an_error() {
    let place = Place::new();
    let ran = place.run(&["-c", "missing.toml", "config", "show"]).code(2);
    assert!(ran.stderr.starts_with("error: missing.toml: cannot be read"), "{ran}");
    let place = Place::new().env("LAB_CONFIG", "missing.toml");
    place.run(&["config", "show"]).code(2);
    std::fs::write(place.file("missing.toml"), b"\xff\xfe[\0v\0m\0]\0").unwrap();
    let ran = place.run(&["config", "show"]).code(2);
    assert!(ran.stderr.contains("not UTF-8"), "{ran}");
}

#[test]
fn a_mistake_as_json_has_its_place_in_fields() {
    let place = Place::new().toml("[vm]\ncpus = \"two\"\n");
    let ran = place.run(&["--output", "json", "config", "show"]).code(2);
    let error = ran.error();
    assert_eq!(error["kind"], "configuration");
    assert_eq!(
        (&error["origin"], &error["line"], &error["column"]),
        (&"lab.toml".into(), &2.into(), &8.into())
    );
    assert_eq!(error["exit_code"], 2);
    assert_eq!(ran.stderr.lines().count(), 1);
}

#[test]
fn show_says_where_each_value_came_from() {
    let place = Place::new()
        .toml("[vm]\ncpus = 4\n\n[registry]\nport = 5001\n")
        .env("LAB_VM_MEMORY_MIB", "2048");
    let ran = place
        .run(&["config", "show", "--origin", "--set", "registry.port=5002"])
        .code(0);
    let line = |key: &str| {
        ran.stdout
            .lines()
            .find(|l| l.starts_with(key))
            .unwrap_or_else(|| panic!("{key}: {ran}"))
    };
    assert!(line("cpus").ends_with("# lab.toml:2"), "{ran}");
    assert!(
        line("memory_mib").ends_with("# environment variable LAB_VM_MEMORY_MIB"),
        "{ran}"
    );
    assert!(line("port = 5002").ends_with("# --set"), "{ran}");
    assert!(line("disk_gib").ends_with("# default"), "{ran}");
    let json = place
        .run(&["config", "show", "--origin", "--output", "json"])
        .code(0)
        .json();
    assert_eq!(
        json["origins"]["vm.cpus"],
        serde_json::json!({ "from": "file", "file": "lab.toml", "line": 2 })
    );
    assert_eq!(json["origins"]["network.prefix"]["from"], "default");
    assert_eq!(json["config"]["vm"]["memory_mib"], 2048);
}

#[test]
fn show_prints_a_file_that_means_the_same() {
    let place = Place::new().toml(&format!("{NODES}[lab]\nname = \"other\"\n"));
    for arguments in [&["config", "show"][..], &["config", "show", "--origin"]] {
        let ran = place.run(arguments).code(0);
        let again = Place::new()
            .toml(&ran.stdout.replace("[DIR]", "/somewhere"))
            .run(&["config", "show", "--output", "json"]);
        let again = again.code(0).json();
        assert_eq!(again["config"]["nodes"].as_array().unwrap().len(), 2);
        assert_eq!(again["config"]["lab"]["name"], "other");
    }
}

#[test]
fn all_mistakes_are_shown_at_once_in_text_and_in_json() {
    let place = Place::new()
        .toml("[vm]\ncpus = \"2\"\nmemroy_mib = 4096\n\n[registri]\nport = 1\n")
        .env("LAB_VM_DISK_GIB", "0");
    insta::assert_snapshot!(place.run(&["plan", "--set", "network.prefx=24"]).code(2));
    let error = place.run(&["plan", "--output", "json"]).code(2).error();
    let lines: Vec<_> = error["mistakes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["line"].as_u64())
        .collect();
    assert_eq!(lines, [Some(2), Some(3), Some(5), None]);
    assert_eq!(error["line"], 2);
}

#[test]
fn mistakes_are_in_korean_too() {
    let place = Place::new().toml("[vm]\ncpus = \"2\"\nmemroy_mib = 4096\n");
    insta::assert_snapshot!(place.run(&["plan", "--lang", "ko"]).code(2));
}

#[test]
fn what_is_no_file_is_named_as_what_it_is() {
    let place = Place::new();
    std::fs::create_dir(place.file("lab.toml")).unwrap();
    let ran = place.run(&["plan"]).code(2);
    assert!(
        ran.stderr
            .starts_with("error: lab.toml: is a directory, not a file\nhelp: "),
        "{ran}"
    );
    let place = Place::new();
    std::fs::write(place.file("lab.toml"), b"\xff\xfe[\0v\0m\0]\0").unwrap();
    let ran = place.run(&["plan"]).code(2);
    assert!(
        ran.stderr
            .contains("help: it looks like UTF-16, as PowerShell's `>` writes it"),
        "{ran}"
    );
}

#[test]
fn a_variable_with_a_slip_in_its_name_is_warned_about() {
    let place = || Place::new().env("LAB_VM_CPU", "4").env("LAB_SOMETHING_ELSE", "1");
    let ran = place().run(&["config", "show"]).code(0);
    assert_eq!(
        ran.stderr,
        "warning: LAB_VM_CPU sets no key; did you mean LAB_VM_CPUS?\n"
    );
    let ran = place().run(&["config", "show", "--lang", "ko"]).code(0);
    assert_eq!(
        ran.stderr,
        "경고: LAB_VM_CPU은(는) 아무 키도 지정하지 않습니다. LAB_VM_CPUS을(를) 뜻하셨습니까?\n"
    );
    assert_eq!(place().run(&["config", "show", "--output", "json"]).code(0).stderr, "");
}

#[test]
fn a_node_is_set_from_the_command_line_and_its_origin_is_known() {
    let place = Place::new().toml(NODES);
    let ran = place
        .run(&["config", "show", "--origin", "--set", "nodes.w.cpus=8"])
        .code(0);
    let nodes = &ran.stdout[ran.stdout.find("[[nodes]]").unwrap()..];
    // The origins stand behind the longest value, which is a path of this system.
    let aligned = nodes.lines().filter_map(|line| line.find('#'));
    assert!(
        aligned.clone().all(|column| Some(column) == aligned.clone().next()),
        "{ran}"
    );
    let nodes: Vec<String> = nodes
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    insta::assert_snapshot!(nodes.join("\n"));
    let nodes = "[{ name = \"a\", role = \"master\", address = \"192.168.6.20\" }]";
    let json = place
        .run(&["config", "show", "--output", "json", "--set", &format!("nodes={nodes}")])
        .code(0)
        .json();
    assert_eq!(json["config"]["nodes"][0]["name"], "a");
    let ran = place.run(&["config", "show", "--set", "nodes.x.cpus=8"]).code(2);
    assert!(
        ran.stderr
            .starts_with("error: --set nodes.x.cpus: there is no node `x`"),
        "{ran}"
    );
}

#[test]
fn the_users_own_configuration_counts_where_the_directory_has_none_and_init_leaves_it_alone() {
    let place = Place::new();
    let users = if cfg!(windows) { "home" } else { "home/.config" };
    let place = if cfg!(windows) {
        let home = place.file("home").display().to_string();
        place.env("APPDATA", home)
    } else {
        place
    };
    let file = place.write(&format!("{users}/airgap-lab/lab.toml"), "[vm]\ncpus = 7\n");
    let cpus = |place: &Place| {
        place
            .run(&["--output", "json", "config", "show"])
            .code(0)
            .json()
            .to_string()
    };
    assert!(cpus(&place).contains("\"cpus\":7"), "{}", cpus(&place));
    place.run(&["init"]).code(0);
    assert_eq!(std::fs::read_to_string(file).unwrap(), "[vm]\ncpus = 7\n");
    assert!(!cpus(&place).contains("\"cpus\":7"), "the directory's own counts");
}
