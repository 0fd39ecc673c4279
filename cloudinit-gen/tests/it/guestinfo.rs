//! Guest variables, read back by cloud-init's own `VMware` data source.

use cloudinit_gen::document::{CloudConfig, Permissions, WriteFile};
use cloudinit_gen::guestinfo::{GUESTINFO_MAX, GuestInfo, GuestInfoEncoding, GuestInfoError};
use cloudinit_gen::{K3sAgentConfig, K3sServerConfig, MasterNode, SeedFiles, WorkerNode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::cloud_init::judges;
use crate::common::{TOKEN, node};

fn seeds() -> [SeedFiles; 2] {
    [
        MasterNode::new(node("k3s-master1", "192.168.6.10/24"), K3sServerConfig::default())
            .render()
            .unwrap(),
        WorkerNode::new(
            node("k3s-worker1", "192.168.6.11/24"),
            K3sAgentConfig::new("https://192.168.6.10:6443"),
        )
        .render()
        .unwrap(),
    ]
}

fn value<'a>(variables: &'a GuestInfo, name: &str) -> &'a str {
    variables
        .variables()
        .into_iter()
        .find(|(found, _)| *found == name)
        .unwrap()
        .1
}

#[test]
fn cloud_inits_vmware_data_source_reads_back_every_byte() {
    // The variables stand in the environment, which that data source reads before it asks VMware's tools.
    const PROGRAM: &str = r#"
import json, os, sys, types
# Only asked for the addresses of a running guest.
sys.modules.setdefault("netifaces", types.ModuleType("netifaces"))
from cloudinit.sources import DataSourceVMware as vmware
answers = []
for variables in json.load(sys.stdin):
    os.environ["VMX_GUESTINFO"] = "1"
    for name, value in variables.items():
        os.environ["VMX_" + name.replace(".", "_").upper()] = value
    metadata = vmware.process_metadata(vmware.load_json_or_yaml(vmware.guestinfo_envvar("metadata")))
    userdata = vmware.guestinfo_envvar("userdata")
    answers.append([metadata, userdata])
print(json.dumps(answers))
"#;
    let Some(judges) = judges() else { return };
    for encoding in [
        None,
        Some(GuestInfoEncoding::Base64),
        Some(GuestInfoEncoding::GzipBase64),
    ] {
        let seeds = seeds();
        let variables: Vec<GuestInfo> = seeds.iter().map(|seed| seed.guestinfo(encoding).unwrap()).collect();
        let input: Vec<Value> = variables
            .iter()
            .map(|variables| {
                variables
                    .variables()
                    .into_iter()
                    .collect::<std::collections::BTreeMap<_, _>>()
            })
            .map(|map| json!(map))
            .collect();
        for judge in judges {
            let answers: Vec<(Value, String)> =
                serde_json::from_str(&judge.succeed(PROGRAM, &json!(input).to_string())).unwrap();
            for (seed, (metadata, userdata)) in seeds.iter().zip(&answers) {
                assert_eq!(userdata, seed.user_data.expose_secret());
                let id = metadata["instance-id"].as_str().unwrap();
                assert!(seed.meta_data.contains(id));
                assert_eq!(
                    metadata["local-hostname"].as_str().unwrap(),
                    id.trim_end_matches("-0001")
                );
                assert_eq!(metadata["redact"], json!(["userdata", "vendordata"]));
                let network = &metadata["network"]["config"];
                assert_eq!(network["version"], 2);
                let address = network["ethernets"]["lab0"]["addresses"][0].as_str().unwrap();
                assert!(seed.network_config.contains(address));
            }
        }
    }
}

#[test]
fn a_value_needs_no_escape_in_a_vmx_file_and_is_not_printed() {
    let variables = seeds()[0].guestinfo(None).unwrap();
    let text = variables.to_vmx();
    for line in text.expose_secret().lines() {
        let (name, value) = line.split_once(" = \"").unwrap();
        let value = value.strip_suffix('"').unwrap();
        assert!(name.starts_with("guestinfo."));
        assert!(
            value.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b)),
            "{value}"
        );
    }
    let printed = format!("{variables:?}");
    assert!(
        !printed.contains(&value(&variables, "guestinfo.userdata")[..40]),
        "{printed}"
    );
    assert!(!text.expose_secret().contains(TOKEN));
}

#[test]
fn equal_seeds_make_equal_variables() {
    for encoding in [GuestInfoEncoding::Base64, GuestInfoEncoding::GzipBase64] {
        let text = |_| {
            seeds()[0]
                .guestinfo(Some(encoding))
                .unwrap()
                .to_vmx()
                .expose_secret()
                .to_owned()
        };
        assert_eq!(text(0), text(1));
    }
}

/// A master with so much in its files, compressible or not.
fn large(content: String) -> SeedFiles {
    let mut node = node("k3s-master1", "192.168.6.10/24");
    node.registries_yaml = Some(content.into());
    MasterNode::new(node, K3sServerConfig::default()).render().unwrap()
}

#[test]
fn what_is_too_long_as_base64_is_compressed_and_what_is_too_long_then_is_refused_with_a_way_out() {
    let seed = large("# the same again and again\n".repeat(4000));
    let variables = seed.guestinfo(None).unwrap();
    assert_eq!(value(&variables, "guestinfo.userdata.encoding"), "gzip+base64");
    assert_eq!(value(&variables, "guestinfo.metadata.encoding"), "base64");
    assert!(value(&variables, "guestinfo.userdata").len() <= GUESTINFO_MAX);
    let error = seed.guestinfo(Some(GuestInfoEncoding::Base64)).unwrap_err();
    assert!(
        matches!(
            error,
            GuestInfoError::TooLong {
                key: "guestinfo.userdata",
                ..
            }
        ),
        "{error}"
    );
    assert!(
        error.to_string().contains("hold 65536: encode it as gzip+base64"),
        "{error}"
    );

    let mut state = 1_u64;
    let noise: String = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        format!("{:016x}", state ^ (state >> 29))
    })
    .take(8000)
    .collect();
    let error = large(format!("# {noise}\n")).guestinfo(None).unwrap_err();
    assert!(
        matches!(
            error,
            GuestInfoError::TooLong {
                encoding: GuestInfoEncoding::GzipBase64,
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().ends_with("boot with a seed image instead"), "{error}");
}

#[test]
fn the_limit_counts_after_encoding_and_to_the_byte() {
    let mut config = CloudConfig::default();
    config.write_files = vec![WriteFile::new("/x", Permissions::PUBLIC, "x")];
    // Base64 makes four bytes of three.
    let fits = "x".repeat(GUESTINFO_MAX / 4 * 3);
    assert_eq!(
        GuestInfoEncoding::Base64.encode(&fits).expose_secret().len(),
        GUESTINFO_MAX
    );
    let mut validator = cloudinit_gen::validate::Validator::default();
    validator.guestinfo = true;
    let size = |text: String| {
        validator
            .validate(text)
            .into_iter()
            .filter(|finding| finding.rule == cloudinit_gen::validate::Rule::Size)
            .count()
    };
    let document = |len: usize| format!("#!/bin/sh\n{}", "x".repeat(len - 10));
    assert_eq!(size(document(fits.len())), 0);
    assert_eq!(size(document(fits.len() + 1)), 1);
}
